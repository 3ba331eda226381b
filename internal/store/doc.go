// Package store loads and saves policies and releases: in the cluster, with optimistic locking, and
// nothing else.
//
// Everything that is written is fenced by the resourceVersion that was loaded: whoever saves has
// seen what he overwrites, a person's last word included, or is told of a conflict ([IsConflict])
// and loads again. Where others wrote only what no decision rests on, annotations and labels of their
// own, it is written again at once, fenced by the spec and the status as they were loaded, so that who
// writes these without pause keeps nothing from being saved. The lease is checked before each write. A save in which nothing changed writes
// nothing. What people may write, a release's spec.people and a policy's spec, is never written
// here: patches touch spec.cutover, labels and the status alone.
//
// An object that can't be understood, such as a release into which somebody wrote an impossible
// time, is an error of that object and spoils no other: objects are decoded one by one, never as a
// list.
package store
