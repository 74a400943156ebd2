package console

import (
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
)

// zoneCookie holds the name of the reader's time zone, which the browser knows and sends.
const zoneCookie = "audittrail_zone"

// maxZones bounds what is remembered: there are some 600 names.
const maxZones = 1000

// zones remembers time zones by name, as reading one costs.
type zones struct {
	mu     sync.Mutex
	byName map[string]*time.Location
}

func (z *zones) find(name string) *time.Location {
	z.mu.Lock()
	defer z.mu.Unlock()
	if zone, ok := z.byName[name]; ok {
		return zone
	}
	if name == "" || name == "Local" || len(name) > 64 {
		return time.UTC
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	if z.byName == nil || len(z.byName) >= maxZones {
		z.byName = map[string]*time.Location{}
	}
	z.byName[name] = zone
	return zone
}

// zoneOf returns the reader's time zone, UTC where the browser has not said one.
func (con *Console) zoneOf(c *fiber.Ctx) *time.Location { return con.zones.find(c.Cookies(zoneCookie)) }
