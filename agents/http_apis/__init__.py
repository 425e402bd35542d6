"""HTTP APIs as toolsets: an operator gives an OpenAPI document and credentials, and approves operations; each is a tool."""
