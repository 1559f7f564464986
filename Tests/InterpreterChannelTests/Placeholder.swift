// InterpreterChannel
