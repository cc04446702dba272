package detect

// Detectors lists every detector that is Go code, one line each: what an
// [Engine] runs beside [Matchers] and rules.
func Detectors() []Detector {
	return []Detector{
		shadow{},
		cloudInit{},
		windowsRegistry{},
		windowsFiles{},
	}
}

// All lists every detector, and every matcher as one, for callers that have
// files in memory and no engine.
func All() []Detector {
	var all []Detector
	for _, m := range Matchers() {
		all = append(all, whole{m})
	}
	return append(all, Detectors()...)
}
