// LinuxKit
