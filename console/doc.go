// Package console is the web pages that members open: the Audit Trail, exports, the Message Center, its settings, members and keys.
//
// It shows and asks; it decides nothing. Every page is made of answers of the JSON API, asked for within the process on behalf of the member who is
// signed in (API.Call), so permissions, limits and the record of who looked at what are those of the API. Pages are html/template with htmx; all
// assets are embedded, nothing is fetched from elsewhere and no script is inline. Every state of a page is its address, and every page can be
// read with JavaScript off.
//
// It is not a place for rules: what a role sees stands in audit, what a route answers in api.
package console
