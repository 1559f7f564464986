// PythonHost
