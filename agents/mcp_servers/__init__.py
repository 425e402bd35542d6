"""MCP servers as toolsets: looked up and approved by operators, called by tasks over one shared session a process.

A server is a stranger. It may hang, die, lie, or answer without end; each of these fails a call, never a task or a process.
"""
