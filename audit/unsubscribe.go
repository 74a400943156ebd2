package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
)

const (
	unsubscribeVersion = 1
	addressVersion     = 2 // of an other address, where a member stands in version 1
	unsubscribeMAC     = 16
	maxTokenBytes      = 1024 // in base64: enough for any ids
)

var tokenEncoding = base64.RawURLEncoding.Strict()

// SignUnsubscribe returns a token for the link that takes a member off one channel of a reminder. It needs no sign-in, as mail
// programs send RFC 8058's one-click POST without one, and grants nothing else; it does not expire.
func SignUnsubscribe(secret []byte, organization, reminder, member string, channel Channel) string {
	return signParts(secret, unsubscribeVersion, organization, reminder, member, string(channel))
}

// SignAddressUnsubscribe is SignUnsubscribe for an other address, which is reminded on one channel only.
func SignAddressUnsubscribe(secret []byte, organization, reminder, address string, channel Channel) string {
	return signParts(secret, addressVersion, organization, reminder, address, string(channel))
}

func signParts(secret []byte, version byte, parts ...string) string {
	body := []byte{version}
	for _, part := range parts {
		body = binary.AppendUvarint(body, uint64(len(part)))
		body = append(body, part...)
	}
	return tokenEncoding.EncodeToString(append(body, unsubscribeMACOf(secret, body)...))
}

// ParseUnsubscribe returns what SignUnsubscribe put into the token. A token that was altered or signed with another secret is
// CodeInvalid on the field "token".
func ParseUnsubscribe(secret []byte, token string) (organization, reminder, member string, channel Channel, err error) {
	return parseParts(secret, unsubscribeVersion, token)
}

// ParseAddressUnsubscribe is ParseUnsubscribe for SignAddressUnsubscribe.
func ParseAddressUnsubscribe(secret []byte, token string) (organization, reminder, address string, channel Channel, err error) {
	return parseParts(secret, addressVersion, token)
}

func parseParts(secret []byte, version byte, token string) (organization, reminder, whom string, channel Channel, err error) {
	bad := InvalidField("token", "is not valid; use the whole link of the message")
	if len(secret) == 0 || len(token) > maxTokenBytes {
		return "", "", "", "", bad
	}
	raw, decodeErr := tokenEncoding.DecodeString(token)
	if decodeErr != nil || len(raw) <= unsubscribeMAC || raw[0] != version {
		return "", "", "", "", bad
	}
	body, mac := raw[:len(raw)-unsubscribeMAC], raw[len(raw)-unsubscribeMAC:]
	if !hmac.Equal(mac, unsubscribeMACOf(secret, body)) {
		return "", "", "", "", bad
	}
	rest := body[1:]
	var parts [4]string
	for i := range parts {
		size, n := binary.Uvarint(rest)
		if n <= 0 || size > uint64(len(rest)-n) {
			return "", "", "", "", bad
		}
		parts[i], rest = string(rest[n:n+int(size)]), rest[n+int(size):]
	}
	if len(rest) > 0 || !slices.Contains(Channels(), Channel(parts[3])) {
		return "", "", "", "", bad
	}
	return parts[0], parts[1], parts[2], Channel(parts[3]), nil
}

func unsubscribeMACOf(secret, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("audittrail unsubscribe\x00"))
	h.Write(body)
	return h.Sum(nil)[:unsubscribeMAC]
}
