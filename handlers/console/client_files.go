package console

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/internal/audit"
	"gatehouse/internal/fault"
	"gatehouse/internal/oauth"
	"gatehouse/internal/secret"
	"gatehouse/store"
	view "gatehouse/views/console"
	"gatehouse/web/request"
	"gatehouse/web/respond"
)

// clientsPerRead is how many clients of a file are read at a time.
const clientsPerRead = 500

// exportedClient is a client in a file: its metadata by their names in RFC 7591, never a secret, and what the list tells besides.
type exportedClient struct {
	oauth.Registration
	Status     string     `json:"status"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
}

// clientColumns are the members of an exportedClient that a table has.
var clientColumns = []string{
	"client_id", "client_name", "client_id_issued_at", "status", "last_used_at", "application_type", "grant_types", "response_types", "scope", "redirect_uris",
	"token_endpoint_auth_method", "require_pkce", "first_party", "id_token_signed_response_alg", "default_resource", "resource_server", "access_token_ttl", "id_token_ttl",
	"refresh_token_ttl", "refresh_token_idle", "client_uri", "policy_uri",
	"tos_uri", "logo_uri", "accent_color", "contacts",
}

// ExportClients answers with a file of all clients that the list of this URL shows: format is csv or json.
func (h *Handlers) ExportClients(c *fiber.Ctx) error {
	l := listingOf(c, clientsPath, append(clientFilters, "format")...)
	write, media, format := writeClientsCSV, audit.MediaType(audit.CSV), l.oneOf("format", "csv", "json")
	switch format {
	case "json":
		write, media = writeClientsJSON, fiber.MIMEApplicationJSON
	case "":
		return fault.NotFound("format")
	}
	want := h.clientsWanted(l)
	want.Limit = clientsPerRead
	page, err := h.Store.Clients(c.UserContext(), want) // what fails at once is said on a page
	if err != nil {
		return err
	}
	name := "clients-" + h.Now().UTC().Format(time.DateOnly) + "." + format
	return h.Files.Download(c, request.Of(c).Session.ID, name, media, func(ctx context.Context, to io.Writer) error {
		w := bufio.NewWriter(to)
		err := write(w, func(row func(exportedClient) error) error {
			for {
				for _, client := range page.Clients {
					if err := row(h.exported(&client)); err != nil {
						return err
					}
				}
				if page.Next == "" {
					return nil
				}
				want.After = page.Next
				if page, err = h.Store.Clients(ctx, want); err != nil {
					return err
				}
			}
		})
		if err != nil {
			return err
		}
		return w.Flush()
	})
}

func (h *Handlers) exported(c *store.ListedClient) exportedClient {
	out := exportedClient{c.Registration(h.Rules.Issuer, "", nil), "active", c.LastUsedAt}
	if !c.Enabled() {
		out.Status = "disabled"
	}
	return out
}

// writeClientsJSON writes an array, one client a line.
func writeClientsJSON(w *bufio.Writer, each func(row func(exportedClient) error) error) error {
	before := "[\n"
	err := each(func(client exportedClient) error {
		row, err := json.Marshal(client)
		if err == nil {
			_, err = w.WriteString(before + string(row))
			before = ",\n"
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = w.WriteString(strings.TrimSuffix(before, ",\n") + "\n]\n")
	return err
}

// writeClientsCSV writes a table. Lists are words with spaces between, as their parts have none.
func writeClientsCSV(w *bufio.Writer, each func(row func(exportedClient) error) error) error {
	table := csv.NewWriter(w)
	if err := table.Write(clientColumns); err != nil {
		return err
	}
	err := each(func(client exportedClient) error {
		cells, err := clientCells(client)
		if err != nil {
			return err
		}
		return table.Write(cells)
	})
	if err != nil {
		return err
	}
	table.Flush()
	return table.Error()
}

// clientCells are the members of the client in the order of clientColumns.
func clientCells(client exportedClient) ([]string, error) {
	document, err := json.Marshal(client)
	if err != nil {
		return nil, err
	}
	var members map[string]any
	if err := json.Unmarshal(document, &members); err != nil {
		return nil, err
	}
	members["client_id_issued_at"] = time.Unix(client.ClientIDIssuedAt, 0).UTC().Format(time.RFC3339)
	cells := make([]string, len(clientColumns))
	for i, column := range clientColumns {
		cells[i] = audit.Cell(memberText(members[column]))
	}
	return cells, nil
}

func memberText(member any) string {
	switch m := member.(type) {
	case string:
		return m
	case bool:
		return strconv.FormatBool(m)
	case float64: // JSON's only number; ours are whole
		return strconv.FormatInt(int64(m), 10)
	case []any:
		words := make([]string, len(m))
		for i, word := range m {
			words[i] = fmt.Sprint(word)
		}
		return strings.Join(words, " ")
	}
	return ""
}

// ExportClient answers with a file of the client's metadata, without a secret: what the import reads.
func (h *Handlers) ExportClient(c *fiber.Ctx) error {
	client, err := h.client(c)
	if err != nil {
		return err
	}
	document, err := json.MarshalIndent(client.Registration(h.Rules.Issuer, "", nil), "", "  ")
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderContentDisposition, mime.FormatMediaType("attachment", map[string]string{"filename": client.ID + ".json"}))
	return c.Send(append(document, '\n'))
}

// ImportClientForm asks for a client's metadata.
func (h *Handlers) ImportClientForm(c *fiber.Ctx) error {
	return respond.Page(c, fiber.StatusOK, view.ImportClientPage(request.Chrome(c), view.ImportData{}), nil)
}

// ImportClient reads a client's metadata (RFC 7591 §2) and shows what it would make: the form of a new client, with what is wrong
// with it at its members. Nothing is saved until that form is.
func (h *Handlers) ImportClient(c *fiber.Ctx) error {
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	o, err := h.offer(c.UserContext())
	if err != nil {
		return err
	}
	document := strings.TrimPrefix(sent.Get("metadata"), "\ufeff") // as some editors save files
	client, refused := oauth.ClientFromMetadata([]byte(document))
	if refused != nil {
		d := view.ImportData{Metadata: document, Errs: fault.Fields{"metadata": refused.Description}}
		return respond.Page(c, fiber.StatusUnprocessableEntity, view.ImportClientPage(request.Chrome(c), d), nil)
	}
	f := formOf(client, o)
	f.RequestToken = secret.New("")
	f.Notice = "This is what the metadata makes. Nothing is saved yet: look it over, then create the client."
	ignored := oauth.IgnoredMembers([]byte(document))
	if i := slices.Index(ignored, "logo_uri"); i >= 0 {
		ignored = slices.Delete(ignored, i, i+1)
		f.Notice += " Its logo is not fetched from where logo_uri says, as this server calls nobody: upload it under Branding once the client is there."
	}
	if len(ignored) > 0 {
		f.Notice += " Not taken over: " + someOf(ignored) + "."
	}
	status := fiber.StatusOK
	if f.Errs = faults(client, o); len(f.Errs) > 0 {
		status = fiber.StatusUnprocessableEntity
	}
	return newClientPage(c, status, f)
}

// CheckRedirectURI says what is wrong with the redirect URI in a row of a client's form, while it is typed.
func (h *Handlers) CheckRedirectURI(c *fiber.Ctx) error {
	sent, err := request.Form(c)
	if err != nil {
		return err
	}
	uris := sent["redirect_uris"]
	for i := range uris {
		uris[i] = strings.TrimSpace(uris[i])
	}
	row, err := strconv.Atoi(sent.Get("row"))
	if err != nil || row < 0 || row >= len(uris) {
		return fault.NotFound("redirect URI")
	}
	message := ""
	if uris[row] != "" { // empty rows count for nothing
		message = oauth.RedirectURIFault(uris, row)
	}
	part := view.RowMessage(message)
	return respond.Page(c, fiber.StatusOK, part, part)
}
