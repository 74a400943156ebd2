// Package fulltext is what every engine shares of full text: how text is cut into tokens and folded, what a query of the
// text language means on those tokens, and where it matches in an event, for highlighting.
//
// It is not a parser of the text language (that is audit.ParseText) and holds no index.
package fulltext
