//go:build race

package socket

import (
	"errors"
	"syscall"
)

// receive is as in the other build, by calls that the race detector knows: what was written to a socket came before what
// is read from its other end.
func receive(fd uintptr, p []byte, flags uintptr) (n int, errno syscall.Errno) {
	var err error
	if flags == 0 {
		n, err = syscall.Read(int(fd), p)
	} else {
		n, _, err = syscall.Recvfrom(int(fd), p, int(flags)|syscall.MSG_DONTWAIT)
	}
	errors.As(err, &errno)
	return n, errno
}

// send is as in the other build.
func send(fd uintptr, p []byte) (n int, errno syscall.Errno) {
	n, err := syscall.Write(int(fd), p)
	errors.As(err, &errno)
	return n, errno
}
