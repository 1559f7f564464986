// KeeperWire
