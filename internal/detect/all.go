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
