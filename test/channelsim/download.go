package channelsim

import (
	"crypto/sha1" // the channel declares SHA-1
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// download is one address that was given out.
type download struct {
	data    []byte
	expires time.Time
}

type billAnswer struct {
	HashType    string `json:"hash_type"`
	HashValue   string `json:"hash_value"`
	DownloadURL string `json:"download_url"`
}

// tradeBill answers where the day's bill is, for a while.
func (s *Sim) tradeBill(r *http.Request, _ []byte, _ *Call) answer {
	kind := r.URL.Query().Get("bill_type")
	if kind == "" {
		kind = "ALL"
	}
	if kind != "ALL" && kind != "SUCCESS" && kind != "REFUND" {
		return badParam("bill_type must be ALL, SUCCESS or REFUND")
	}
	return s.ticket(r, kind)
}

// fundBill answers where the day's fund flow is.
func (s *Sim) fundBill(r *http.Request, _ []byte, _ *Call) answer {
	kind := r.URL.Query().Get("account_type")
	if kind == "" {
		kind = "BASIC"
	}
	if kind != "BASIC" && kind != "OPERATION" && kind != "FEES" {
		return badParam("account_type must be BASIC, OPERATION or FEES")
	}
	return s.ticket(r, kind)
}

func (s *Sim) ticket(r *http.Request, kind string) answer {
	now := s.cfg.Now()
	if s.faults.RateLimit {
		return refuse(http.StatusTooManyRequests, "FREQUENCY_LIMITED", "频率超限")
	}
	data, err := s.billOf(r.URL.Query().Get("bill_date"), kind, now)
	switch {
	case errors.Is(err, ErrNotReady):
		return refuse(http.StatusBadRequest, ErrNotReady.Error(), "账单生成中")
	case errors.Is(err, ErrEmptyDay):
		return refuse(http.StatusBadRequest, ErrEmptyDay.Error(), "请求的账单文件不存在")
	case err != nil:
		return badParam("bill_date is not valid")
	}
	sum := sha1.Sum(data)
	if s.faults.WrongHash {
		sum = sha1.Sum(nil)
	}
	if r.URL.Query().Get("tar_type") == "GZIP" { // the hash is that of the uncompressed bytes
		data = zipped(data)
	}
	if s.faults.CutDownload {
		data = data[:len(data)*6/10]
	}
	return answer{status: http.StatusOK, json: billAnswer{
		HashType: "SHA1", HashValue: hex.EncodeToString(sum[:]),
		DownloadURL: fmt.Sprintf("%s://%s/v3/billdownload/file?token=%s", schemeOf(r), r.Host, s.offer(data, now)),
	}}
}

func schemeOf(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

// offer gives out a token and forgets those that are too old.
func (s *Sim) offer(data []byte, now time.Time) string {
	for token, d := range s.downloads {
		if now.After(d.expires) {
			delete(s.downloads, token)
		}
	}
	s.tokens++
	token := fmt.Sprintf("sim%08d", s.tokens)
	s.downloads[token] = download{data: data, expires: now.Add(s.cfg.URLLife)}
	return token
}

// downloadBill gives the bytes once asked with a living token. Its answer has no signature.
func (s *Sim) downloadBill(r *http.Request, _ []byte, _ *Call) answer {
	d, ok := s.downloads[r.URL.Query().Get("token")]
	if !ok || s.faults.ExpiredURL || s.cfg.Now().After(d.expires) {
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "download address is not valid any more")
	}
	return answer{status: http.StatusOK, raw: d.data, unsigned: true}
}
