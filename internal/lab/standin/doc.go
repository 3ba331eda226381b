// Package standin holds local servers that stand in for PagerDuty's Events API v2 and Slack's
// Web API. They refuse what the real ones document that they refuse, with the same codes and
// words, and keep what they accepted, so that a test can ask what a person would have seen.
//
// They can be told to fail, to limit the rate and to hang. They send nothing to anybody, and
// limits that the real ones do not document are marked as such where they are declared.
package standin
