import Glibc
import KeeperWire
import LinuxKit

/// How kernels end.
extension Keeper {
    /// Ends a kernel, and its sandbox when no other kernel lives there.
    func end(_ kernel: KeptKernel, _ reason: Death) {
        if let death = kernel.death {
            if kernel.isDurable, kernel.owner == nil, death != .requested { state.note(death, of: kernel.name) }
            return forget(kernel)
        }
        if kernel.planned == nil { kernel.planned = reason }
        kernel.kill()
        if kernel.sandbox.kernels.count <= 1 { kernel.sandbox.end() }
    }

    /// The interpreter has ended: find out how, and tell.
    func collect(_ kernel: KeptKernel) {
        guard let status = try? kernel.process?.collect() else { return }
        if let watch = kernel.watch { loop.forget(watch) }
        kernel.watch = nil
        // What it started in its process group goes with it; the number is free after this.
        kernel.process = nil
        if kernel.planned == nil, status == .signalled(SIGKILL), kernel.sandbox.exit == nil {
            // PID 1's end kills its interpreters first and is seen after them.
            loop.after(.milliseconds(30)) { [unowned self, weak kernel] in
                if let kernel { conclude(kernel, status) }
            }
        } else {
            conclude(kernel, status)
        }
    }

    private func conclude(_ kernel: KeptKernel, _ status: ExitStatus) {
        let death: Death
        if let planned = kernel.planned {
            death = planned
        } else if status == .signalled(SIGKILL), kernel.sandbox.takeMemoryKill() {
            death = .outOfMemory
        } else if status == .signalled(SIGSYS) {
            death = .forbiddenCall
        } else if let exit = kernel.sandbox.exit {
            death = .sandbox(exit)
        } else {
            death = .process(status)
        }
        kernel.death = death
        let owner = kernel.owner
        if let owner {
            reply(.ended(kernel: kernel.name, death: death), to: owner)
            // The server still reads what the interpreter left; its own end or its wish forgets the kernel.
            sandboxes.leave(kernel.sandbox, kernel: kernel.name)
        } else if kernel.isDurable, kernel.planned == nil {
            sandboxes.leave(kernel.sandbox, kernel: kernel.name)
        } else {
            // The keeper may end before a server comes.
            if kernel.isDurable, death != .requested { state.note(death, of: kernel.name) }
            forget(kernel)
        }
    }

    func forget(_ kernel: KeptKernel) {
        guard kernels.removeValue(forKey: kernel.name) != nil else { return }
        if let timer = kernel.orphanTimer { loop.cancel(timer) }
        if let watch = kernel.watch { loop.forget(watch) }
        state.remove(kernel: kernel.name)
        sandboxes.leave(kernel.sandbox, kernel: kernel.name)
        rest()
    }
}
