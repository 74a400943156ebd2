package catcher

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio signs by HMAC-SHA1
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Callback reports a status of a message ("sent", "delivered", "undelivered", "failed") to its StatusCallback, signed with the
// account's token, and returns the answer's HTTP status. code is Twilio's error code of a failure, 0 for none.
func (t *Twilio) Callback(ctx context.Context, sms SMS, status string, code int) (int, error) {
	if sms.StatusCallback == "" {
		return 0, errNoCallback
	}
	form := url.Values{
		"AccountSid": {t.opts.AccountSID}, "ApiVersion": {"2010-04-01"}, "MessageSid": {sms.SID}, "SmsSid": {sms.SID},
		"MessageStatus": {status}, "SmsStatus": {status}, "To": {sms.To}, "From": {sms.From},
	}
	if sms.MessagingServiceSID != "" {
		form.Set("MessagingServiceSid", sms.MessagingServiceSID)
	}
	if code != 0 {
		form.Set("ErrorCode", strconv.Itoa(code))
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, sms.StatusCallback, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("User-Agent", "TwilioProxy/1.1 (catcher)")
	request.Header.Set("X-Twilio-Signature", Sign(t.opts.AuthToken, sms.StatusCallback, form))
	request.Close = true // keep no connection open
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, err
}

// Sign makes the signature that Twilio sends with a callback: HMAC-SHA1 of the address and of the parameters in order of their names.
func Sign(token, address string, form url.Values) string {
	keys := make([]string, 0, len(form))
	for key := range form {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	mac := hmac.New(sha1.New, []byte(token))
	_, _ = io.WriteString(mac, address)
	for _, key := range keys {
		_, _ = io.WriteString(mac, key+form.Get(key))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// deliver reports a message as sent and then as delivered.
func (t *Twilio) deliver(sms SMS) {
	for _, status := range []string{"sent", "delivered"} {
		if code, err := t.Callback(t.ctx, sms, status, 0); err != nil || code >= 300 {
			t.opts.Logger.Warn("Twilio stand-in: a status callback failed", "status", status, "http_status", code, "error", fmt.Sprint(err))
			return
		}
	}
}

// countSegments counts the messages that the network makes of a text.
func countSegments(text string) int {
	const alphabet = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	size, single, part := 0, 160, 153
	gsm := true
	for _, r := range text {
		size++
		if strings.ContainsRune("^{}\\[~]|€", r) {
			size++
		} else if !strings.ContainsRune(alphabet, r) {
			gsm = false
		}
	}
	if !gsm {
		size, single, part = len(utf16.Encode([]rune(text))), 70, 67
	}
	if size <= single {
		return 1
	}
	return (size + part - 1) / part
}
