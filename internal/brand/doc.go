// Package brand is what people recognise a house and its applications by on the pages they meet: a name, a logo, a colour, links. It
// makes of a colour the shades that can be read on light and on dark pages, and of a picture that somebody sends one of ours.
//
// It knows neither SQL nor HTTP: policy keeps what a house settled, oauth.Client what an application has, store the pictures; web serves
// both at addresses that name their content.
package brand
