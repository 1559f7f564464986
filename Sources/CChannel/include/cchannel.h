// CChannel
