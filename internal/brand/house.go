package brand

// DefaultName is what a house is called that nobody has named.
const DefaultName = "Gatehouse"

// MaxName bounds a house's name, in characters.
const MaxName = 60

// House is what a house settled. What is empty looks as it does by itself.
type House struct {
	Name   string
	Logo   string // hash of an Image
	Accent string // as ParseAccent writes it
	// Links stand at the foot of hosted pages.
	HelpURI, PolicyURI, TosURI string
}
