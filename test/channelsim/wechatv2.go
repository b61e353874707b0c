package channelsim

import (
	"bytes"
	"compress/gzip"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/md5" // API v2 signs with it
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// sheet is a flat XML message of API v2.
type sheet map[string]string

// parseSheet reads the elements below the root.
func parseSheet(body []byte) (sheet, error) {
	var x struct {
		Fields []struct {
			XMLName xml.Name
			Text    string `xml:",chardata"`
		} `xml:",any"`
	}
	if err := xml.Unmarshal(body, &x); err != nil {
		return nil, err
	}
	m := sheet{}
	for _, f := range x.Fields {
		m[f.XMLName.Local] = f.Text
	}
	return m, nil
}

func (m sheet) xml() []byte {
	var b bytes.Buffer
	b.WriteString("<xml>")
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "<%s><![CDATA[%s]]></%s>", name, m[name], name)
	}
	b.WriteString("</xml>")
	return b.Bytes()
}

// sign gives the signature of API v2.
func (m sheet) sign(kind, key string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if name != "sign" && m[name] != "" {
			b.WriteString(name + "=" + m[name] + "&")
		}
	}
	b.WriteString("key=" + key)
	if kind == "HMAC-SHA256" {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(b.String()))
		return strings.ToUpper(hex.EncodeToString(mac.Sum(nil)))
	}
	sum := md5.Sum([]byte(b.String()))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// serveV2 answers the calls of API v2, all with status 200.
func (s *Sim) serveV2(r *http.Request, body []byte) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults.Down {
		return answer{status: http.StatusBadGateway, raw: []byte("bad gateway"), unsigned: true}
	}
	m, err := parseSheet(body)
	if err != nil || m["mch_id"] != s.cfg.MchID {
		return s.failV2("data format error", "")
	}
	kind := m["sign_type"]
	if s.cfg.APIKey == "" || m["sign"] != m.sign(kind, s.cfg.APIKey) || m["nonce_str"] == "" {
		return s.failV2("SIGN ERROR", "20003")
	}
	switch r.URL.Path {
	case "/pay/downloadbill":
		return s.billV2(m, m["bill_type"])
	case "/pay/downloadfundflow":
		if kind != "HMAC-SHA256" {
			return s.failV2("SIGN ERROR", "")
		}
		return s.billV2(m, strings.ToUpper(m["account_type"]))
	case "/pay/orderquery":
		return s.orderV2(m, kind)
	case "/pay/refundquery":
		return s.refundV2(m, kind)
	}
	return s.failV2("no such interface", "")
}

func (s *Sim) failV2(message, code string) answer {
	m := sheet{"return_code": "FAIL", "return_msg": message}
	if code != "" {
		m["error_code"] = code
	}
	return answer{status: http.StatusOK, raw: m.xml(), unsigned: true}
}

// billV2 gives the bill itself; errors are XML, also where gzip was asked for.
func (s *Sim) billV2(m sheet, kind string) answer {
	day, err := time.Parse("20060102", m["bill_date"])
	if err != nil {
		return s.failV2("invalid bill_date", "20001")
	}
	data, err := s.billOf(day.Format(time.DateOnly), kind, s.cfg.Now())
	switch {
	case errors.Is(err, ErrNotReady):
		return s.failV2("Bill Creating", "")
	case errors.Is(err, ErrEmptyDay):
		return s.failV2("No Bill Exist", "20002")
	case err != nil:
		return s.failV2("data format error", "")
	}
	if m["tar_type"] == "GZIP" {
		data = zipped(data)
	}
	if s.faults.CutDownload {
		data = data[:len(data)*6/10]
	}
	return answer{status: http.StatusOK, raw: data, unsigned: true}
}

func zipped(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(data) // a buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

func (s *Sim) okV2(m sheet, kind string) answer {
	maps.Copy(m, sheet{"return_code": "SUCCESS", "mch_id": s.cfg.MchID, "appid": "wx0000000000000001", "nonce_str": rand.Text()})
	m["sign"] = m.sign(kind, s.cfg.APIKey)
	if s.faults.WrongSignature {
		m["sign"] = m.sign(kind, "another key")
	}
	return answer{status: http.StatusOK, raw: m.xml(), unsigned: true}
}

func (s *Sim) orderV2(m sheet, kind string) answer {
	o, ok := s.orders[m["out_trade_no"]]
	if !ok {
		return s.okV2(sheet{"result_code": "FAIL", "err_code": "ORDERNOTEXIST", "err_code_des": "订单不存在"}, kind)
	}
	return s.okV2(orderSheet(o.row, "trade_state"), kind)
}

// orderSheet is a paid order, in fen.
func orderSheet(r Row, stateIn string) sheet {
	return sheet{
		"result_code": "SUCCESS", stateIn: "SUCCESS", "out_trade_no": r.OutTradeNo, "transaction_id": r.TransactionID,
		"total_fee": fmt.Sprint(r.Total), "fee_type": r.Currency, "time_end": r.Time.In(beijing()).Format("20060102150405"),
	}
}

func (s *Sim) refundV2(m sheet, kind string) answer {
	done, ok := s.refunds[m["out_refund_no"]]
	if !ok {
		return s.okV2(sheet{"result_code": "FAIL", "err_code": "REFUNDNOTEXIST", "err_code_des": "退款不存在"}, kind)
	}
	r := done.row
	return s.okV2(sheet{
		"result_code": "SUCCESS", "out_trade_no": r.OutTradeNo, "transaction_id": r.TransactionID, "refund_count": "1",
		"out_refund_no_0": r.OutRefundNo, "refund_id_0": r.RefundID, "refund_fee_0": fmt.Sprint(r.Refund), "refund_status_0": r.RefundState,
		"refund_success_time_0": beijingText(r.Time),
	}, kind)
}

// NotifyV2 gives the body of a payment's callback of API v2, or that of a refund's, which is encrypted.
func (s *Sim) NotifyV2(r Row) []byte {
	if r.State == StateSuccess {
		m := orderSheet(r, "trade_type")
		maps.Copy(m, sheet{"return_code": "SUCCESS", "mch_id": r.MchID, "appid": r.AppID, "nonce_str": rand.Text()})
		m["sign"] = m.sign("MD5", s.cfg.APIKey)
		return m.xml()
	}
	inner := sheet{
		"out_trade_no": r.OutTradeNo, "transaction_id": r.TransactionID, "out_refund_no": r.OutRefundNo, "refund_id": r.RefundID,
		"refund_fee": fmt.Sprint(r.Refund), "refund_status": "SUCCESS", "success_time": beijingText(r.Time),
	}
	plain := []byte(strings.ReplaceAll(strings.ReplaceAll(string(inner.xml()), "<xml>", "<root>"), "</xml>", "</root>"))
	sum := md5.Sum([]byte(s.cfg.APIKey))
	block, err := aes.NewCipher([]byte(hex.EncodeToString(sum[:])))
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	plain = append(plain, bytes.Repeat([]byte{byte(pad)}, pad)...)
	for i := 0; i < len(plain); i += aes.BlockSize {
		block.Encrypt(plain[i:i+aes.BlockSize], plain[i:i+aes.BlockSize])
	}
	return sheet{"return_code": "SUCCESS", "mch_id": r.MchID, "appid": r.AppID, "req_info": base64.StdEncoding.EncodeToString(plain)}.xml()
}

// Notify gives the headers and the body of a callback of API v3. The configuration's APIKey has 32 bytes.
func (s *Sim) Notify(r Row) (http.Header, []byte, error) {
	event, content := "TRANSACTION.SUCCESS", map[string]any{
		"mchid": r.MchID, "out_trade_no": r.OutTradeNo, "transaction_id": r.TransactionID, "trade_state": "SUCCESS",
		"success_time": r.Time.In(beijing()).Format(time.RFC3339), "amount": map[string]any{"total": r.Total, "currency": r.Currency},
	}
	if r.State == StateRefund {
		event, content = "REFUND.SUCCESS", map[string]any{
			"mchid": r.MchID, "out_trade_no": r.OutTradeNo, "transaction_id": r.TransactionID, "out_refund_no": r.OutRefundNo, "refund_id": r.RefundID,
			"refund_status": "SUCCESS", "success_time": r.Time.In(beijing()).Format(time.RFC3339), "amount": map[string]any{"total": r.Total, "refund": r.Refund},
		}
	}
	plain, err := json.Marshal(content)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher([]byte(s.cfg.APIKey))
	if err != nil {
		return nil, nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, nil, err
	}
	nonce := []byte(rand.Text()[:gcm.NonceSize()])
	body, err := json.Marshal(map[string]any{"id": rand.Text(), "event_type": event, "resource_type": "encrypt-resource", "resource": map[string]string{
		"algorithm": "AEAD_AES_256_GCM", "associated_data": "transaction", "nonce": string(nonce),
		"ciphertext": base64.StdEncoding.EncodeToString(gcm.Seal(nil, nonce, plain, []byte("transaction"))),
	}})
	if err != nil {
		return nil, nil, err
	}
	h := http.Header{}
	return h, body, s.sign(h, body)
}
