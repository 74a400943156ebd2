// Package oidc signs people in by OpenID Connect: the authorization code flow with PKCE, state and nonce, at any number of providers, each bound to one
// organization.
//
// It keeps no state between the two halves of a sign-in: what Begin has to remember goes into a sealed cookie of the browser, so that any process can
// Finish. A provider is asked for the first time when somebody wants to sign in there: one that is down stops nobody else.
package oidc
