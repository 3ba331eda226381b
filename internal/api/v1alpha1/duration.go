package v1alpha1

// Duration is a duration as Go writes it, kept as it was written: 90s, 5m, 1h30m.
//
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,6})?h)?([0-9]{1,6}([.][0-9]{1,6})?m)?([0-9]{1,7}([.][0-9]{1,6})?s)?([0-9]{1,7}([.][0-9]{1,6})?ms)?$') && size(self) > 0",message="not a duration; write Go's form, such as 90s, 5m or 24h (days are written in hours: 168h)"
type Duration string
