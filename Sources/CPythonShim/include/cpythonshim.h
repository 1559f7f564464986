// CPythonShim
