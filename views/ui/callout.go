package ui

func calloutIcon(tone string) string {
	switch tone {
	case "danger", "warning":
		return "alert"
	}
	return "info"
}

func summaryTitle(errs []FieldError) string {
	n := 0
	for _, e := range errs {
		if e.Field != "" {
			n++
		}
	}
	if n == 0 {
		return "This could not be saved"
	}
	return Count(n, "thing to correct", "things to correct")
}
