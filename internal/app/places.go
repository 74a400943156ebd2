package app

import (
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"

	"github.com/oschwald/geoip2-golang/v2"

	"github.com/audittrail/audittrail/audit"
)

// places looks up where addresses are.
type places struct{ database *geoip2.Reader }

func openPlaces(path string) (*places, error) {
	database, err := geoip2.Open(path)
	if err != nil {
		return nil, fmt.Errorf("geoip.database: open %s: %w: it must be a MaxMind database of cities (.mmdb)", path, err)
	}
	p := &places{database}
	if _, err := database.City(netip.IPv4Unspecified()); err != nil {
		return nil, fmt.Errorf("geoip.database: %s is not a database of cities: %w", path, err)
	}
	return p, nil
}

// Find returns the place of an address, and false where it is not known.
func (p *places) Find(ip netip.Addr) (audit.Location, bool) {
	record, err := p.database.City(ip)
	if err != nil || !record.HasData() {
		return audit.Location{}, false
	}
	place := audit.Location{Country: record.Country.ISOCode, City: record.City.Names.English}
	return place, place != audit.Location{}
}

func (p *places) Close() error { return p.database.Close() }

// folderURL is the address of a folder as internal/blob takes it.
func folderURL(dir string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(dir)}).String()
}
