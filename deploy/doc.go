// Package deploy holds no code: the files for production live here, and tests that hold them to the program.
package deploy
