// Package config holds every setting of the program, each declared once, and reads them: defaults, then one YAML file, then the
// environment, then flags, the later ones winning. It can say of each setting where its value came from.
//
// It does not open anything that a setting names, and does not know commands.
package config

import (
	"time"
)

// Config is what a server needs to know. Each field's name tag is the flag's name; "email-host" is the key email.host in the file and
// AUDITTRAIL_EMAIL_HOST in the environment.
type Config struct {
	DataDir   string `name:"data-dir" default:"./audittrail-data" placeholder:"DIR" help:"Directory that holds everything: events, records, export files, the embedded Temporal server."`
	Listen    string `name:"listen" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address that the API listens on."`
	PublicURL string `name:"public-url" placeholder:"URL" help:"Address by which people and Twilio reach the server: https://audit.example.com. Without it messages carry no links."`
	// AllowedHosts are further names by which people and programs reach the server, beside those that Hosts lists.
	AllowedHosts []string `name:"allowed-hosts" placeholder:"NAME,…" help:"Further names by which the server is reached, beside that of public-url: requests to another name are refused."`
	// TrustedProxies are read by Proxies.
	TrustedProxies []string `name:"trusted-proxies" placeholder:"CIDR,…" help:"Addresses of proxies in front of the server, whose X-Forwarded-For is believed: 10.0.0.0/8. Without it nobody's is."`
	Insecure       bool     `name:"insecure" help:"Permit plain HTTP beyond this machine: for a proxy in front that ends TLS."`
	Index          string   `name:"index" default:"sqlite" placeholder:"ENGINE" help:"Engine of events and records: sqlite, or elastic, which processes can share."`

	TLS      TLS      `embed:"" prefix:"tls-"`
	Elastic  Elastic  `embed:"" prefix:"elastic-"`
	Files    Files    `embed:"" prefix:"files-"`
	Temporal Temporal `embed:"" prefix:"temporal-"`
	Email    Email    `embed:"" prefix:"email-"`
	SMS      SMS      `embed:"" prefix:"sms-"`
	SignIn   SignIn   `embed:"" prefix:"sign-in-"`
	GeoIP    GeoIP    `embed:"" prefix:"geoip-"`
	Limits   Limits   `embed:"" prefix:"limits-"`
	Log      Log      `embed:"" prefix:"log-"`
}

// The engines of events and records.
const (
	IndexSQLite  = "sqlite"
	IndexElastic = "elastic"
)

// TLS is the server's own certificate; it speaks plain HTTP without one.
type TLS struct {
	CertFile string `name:"cert-file" placeholder:"FILE" help:"PEM file of the server's certificate and those between it and the authority: it then speaks TLS only. Read anew when it changes."`
	KeyFile  string `name:"key-file" placeholder:"FILE" help:"PEM file of the key of the server's certificate."`
}

// On says whether the server speaks TLS.
func (t TLS) On() bool { return t.CertFile != "" }

// Elastic says which Elasticsearch cluster holds events and records, where index is elastic, and what setup makes there.
type Elastic struct {
	URLs        []string `name:"urls" placeholder:"URL,…" help:"Nodes of the cluster: https://es1.example.com:9200,https://es2.example.com:9200."`
	CloudID     string   `name:"cloud-id" placeholder:"ID" help:"Deployment of Elastic Cloud, in place of urls."`
	Username    string   `name:"username" help:"User name at the cluster."`
	Password    Secret   `name:"password" help:"Password at the cluster. Better: AUDITTRAIL_ELASTIC_PASSWORD_FILE."`
	APIKey      Secret   `name:"api-key" help:"API key (encoded form), in place of user and password. Better: AUDITTRAIL_ELASTIC_API_KEY_FILE."`
	CAFile      string   `name:"ca-file" placeholder:"FILE" help:"PEM file of certificates to trust in place of the system's."`
	Fingerprint string   `name:"fingerprint" placeholder:"HEX" help:"SHA-256 of a certificate to trust in place of every other check."`
	Prefix      string   `name:"prefix" default:"audittrail" help:"Begins the names of everything in the cluster."`
	Shards      int      `name:"shards" default:"1" help:"Primary shards of each index that is made."`
	Replicas    int      `name:"replicas" default:"1" help:"Copies of each shard beside the primary; 0 on a single node."`
	Lifecycle   string   `name:"lifecycle" default:"ilm" help:"Who rolls over and deletes events: ilm (the cluster), or temporal (workers), for clusters without ILM."`
}

// Files says where the files of exports are kept.
type Files struct {
	URL string `name:"url" placeholder:"URL" help:"Place of export files: file:///some/folder, or s3://bucket?endpoint=https://… with credentials from the environment. Without it, a folder of the data directory."`
}

// Temporal says which Temporal server runs the workflows.
type Temporal struct {
	Address   string `name:"address" placeholder:"HOST:PORT" help:"Temporal frontend. Without it, standalone and demo start an embedded server."`
	Namespace string `name:"namespace" default:"default" help:"Temporal namespace."`
	Port      int    `name:"port" default:"0" help:"Loopback port of the embedded server; 0 takes a free one."`

	TLS        bool   `name:"tls" help:"Connect by TLS. Also on where one of the settings below is given."`
	CAFile     string `name:"ca-file" placeholder:"FILE" help:"PEM file of certificates to trust in place of the system's."`
	CertFile   string `name:"cert-file" placeholder:"FILE" help:"PEM file of our own certificate, for servers that want one; read anew for each connection."`
	KeyFile    string `name:"key-file" placeholder:"FILE" help:"PEM file of the key of our own certificate."`
	ServerName string `name:"server-name" help:"Name in the server's certificate, where it is not the host of the address."`
	APIKey     Secret `name:"api-key" help:"API key at the server (Temporal Cloud). Better: AUDITTRAIL_TEMPORAL_API_KEY_FILE."`
}

// Secured says whether the connection is by TLS.
func (t Temporal) Secured() bool {
	return t.TLS || t.CAFile != "" || t.CertFile != "" || t.KeyFile != "" || t.ServerName != "" || t.APIKey != ""
}

// Email says by which mail server reminders leave; mail is off without a host.
type Email struct {
	Host       string `name:"host" help:"Mail server; mail is off without it."`
	Port       int    `name:"port" default:"0" help:"Port of the mail server; 0 is the usual one of the mode: 587, 465 or 25."`
	Mode       string `name:"mode" default:"starttls" help:"Encryption: starttls, tls, or none (this machine only, without sign-in)."`
	AllowClear bool   `name:"allow-clear" help:"Permit mode none to a mail server that is not this machine."`
	Username   string `name:"username" help:"User name at the mail server."`
	Password   Secret `name:"password" help:"Password at the mail server. Better: AUDITTRAIL_EMAIL_PASSWORD_FILE."`
	From       string `name:"from" placeholder:"ADDRESS" help:"Sender of the mails: \"Audittrail <audit@example.com>\"."`
	CAFile     string `name:"ca-file" placeholder:"FILE" help:"PEM file of certificates to trust beside the system's."`
	ServerName string `name:"server-name" help:"Name in the mail server's certificate, where it is not the host."`
	HELO       string `name:"helo" help:"Name by which we introduce ourselves to the mail server."`
}

// SMS says by which Twilio account reminders leave; SMS is off without one.
type SMS struct {
	AccountSID          string `name:"account-sid" help:"Twilio account; SMS is off without it."`
	AuthToken           Secret `name:"auth-token" help:"Auth token of the Twilio account. Better: AUDITTRAIL_SMS_AUTH_TOKEN_FILE."`
	From                string `name:"from" help:"Sender: a number (+12025550123), a short code or a name. Or set messaging-service-sid."`
	MessagingServiceSID string `name:"messaging-service-sid" help:"Twilio messaging service that chooses the sender."`
	DefaultRegion       string `name:"default-region" placeholder:"CC" help:"Country (DE) of phone numbers that are written without one."`
	BaseURL             string `name:"base-url" placeholder:"URL" help:"Address in place of https://api.twilio.com."`
}

// SignIn says where people can sign in to the console beside one-time links.
type SignIn struct {
	ProvidersFile string `name:"providers-file" placeholder:"FILE" help:"YAML file of the OpenID providers that people sign in by: docs/sign-in.md. Needs public-url."`
}

// GeoIP says where places of addresses are looked up.
type GeoIP struct {
	Database string `name:"database" placeholder:"FILE" help:"MaxMind database of cities or countries (.mmdb): events without a place get one by their address."`
}

// Limits protect the server from one caller.
type Limits struct {
	RequestsPerSecond float64 `name:"requests-per-second" default:"10000" help:"Requests a second of one key, 429 above; negative: no limit."`
	Burst             int     `name:"burst" default:"0" help:"Requests of one key at once; 0 is twice its rate."`
	Connections       int     `name:"connections" default:"8192" help:"Connections that are served at the same time."`
	Streams           int     `name:"streams" default:"1000" help:"Message streams that are served at the same time."`
}

// Log says what is written to standard error.
type Log struct {
	Level  string `name:"level" default:"info" help:"Least level that is logged: debug, info, warn or error."`
	Format string `name:"format" default:"auto" help:"text, json, or auto: text on a terminal, else json."`
}

// Client is what a command that talks to a server needs to know.
type Client struct {
	Server       string `name:"server" default:"http://127.0.0.1:8080" placeholder:"URL" help:"Server to talk to."`
	ServerCAFile string `name:"server-ca-file" placeholder:"FILE" help:"PEM file of certificates to trust in place of the system's."`
	Key          Secret `name:"key" placeholder:"at_…" help:"API key. Better: AUDITTRAIL_KEY or AUDITTRAIL_KEY_FILE in the environment."`
}

// Default returns the settings without any source but the defaults.
func Default() *Config {
	var c Config
	for _, s := range settingsOf(&c) {
		if err := s.set(s.fallback); err != nil {
			panic(err) // a tag above is wrong, which the package's tests find
		}
	}
	return &c
}

// ShutdownTimeout is how long a server that is told to end may finish what it has taken in.
const ShutdownTimeout = 20 * time.Second
