// SandboxInit
