package plugins

import "sync/atomic"

// sender seals and sends the frames of one decoding, while the author decodes on.
type sender struct {
	queue chan *frame
	ended chan struct{} // closed when the sender is gone
	seal  *seal         // the sender's until then
	err   atomic.Pointer[error]
}

// queued is how many frames may wait; the author waits for room.
const queued = 2

func newSender(send func(*frame) error) *sender {
	s := &sender{queue: make(chan *frame, queued), ended: make(chan struct{}), seal: newSeal()}
	go s.run(send)
	return s
}

// run sends until the queue is closed. After an error it only empties it.
func (s *sender) run(send func(*frame) error) {
	defer close(s.ended)
	for f := range s.queue {
		if s.failed() != nil {
			continue
		}
		s.seal.add(f.mark(), f.payload())
		if err := send(f); err != nil {
			s.err.Store(&err)
		}
	}
}

func (s *sender) failed() error {
	if err := s.err.Load(); err != nil {
		return *err
	}
	return nil
}

// put queues a frame, or tells why an earlier one was not sent.
func (s *sender) put(f *frame) error {
	if err := s.failed(); err != nil {
		return err
	}
	s.queue <- f
	return nil
}

// end waits until everything is sent.
func (s *sender) end() (*seal, error) {
	close(s.queue)
	<-s.ended
	return s.seal, s.failed()
}
