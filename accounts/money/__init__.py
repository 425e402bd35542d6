"""What clients may spend and have spent: budgets, what is reserved of them, the ledger, and what models cost."""
