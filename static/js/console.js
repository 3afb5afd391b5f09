/* Gatehouse progressive enhancement. Every page works without this file.
   No inline handlers, no eval, no style attributes: runs under script-src 'self'. */
(() => {
  "use strict";
  const $ = (sel, root = document) => root.querySelector(sel);
  const on = (type, sel, fn) => document.addEventListener(type, (e) => {
    const el = e.target instanceof Element && e.target.closest(sel);
    if (el) fn(e, el);
  });

  /* Theme: the server prints data-theme from the cookie, so there is no flash and no inline script. */
  on("submit", "[data-theme-form]", (e, form) => {
    e.preventDefault();
    const theme = e.submitter?.value ?? "system";
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    for (const b of form.querySelectorAll("button")) {
      if (b === e.submitter) b.setAttribute("aria-current", "true");
      else b.removeAttribute("aria-current");
    }
    const body = new URLSearchParams(new FormData(form, e.submitter));
    fetch(form.action, { method: "POST", body, redirect: "manual" });
    form.hidePopover?.();
  });

  /* A form is sent once: clicking again would lose the answer to the first click, and a secret with it. */
  const sent = new WeakSet();
  document.addEventListener("submit", (e) => {
    if (e.defaultPrevented) return;
    if (sent.has(e.target)) e.preventDefault();
    sent.add(e.target);
    setTimeout(() => sent.delete(e.target), 5000); /* whoever stopped it may try again */
  });

  /* Toasts: the server prints flash messages into #toasts, or sends
     HX-Trigger: {"toast":{"tone":"success","title":"…","text":"…"}} */
  document.addEventListener("toast", (e) => toast(e.detail));
  function toast({ tone = "info", title, text = "" }) {
    const node = $("#toast-template").content.firstElementChild.cloneNode(true);
    const use = $("use", node);
    node.dataset.tone = tone;
    if (tone === "danger") use.setAttribute("href", use.getAttribute("href").replace(/#.*/, "#i-alert"));
    $("[data-slot=title]", node).textContent = title;
    $("[data-slot=text]", node).textContent = text;
    $("#toasts").append(node);
    hold(node);
  }
  function hold(node) { /* WCAG 2.2.1: the clock stops while hovered or focused; errors stay */
    if (node.dataset.tone === "danger" || node.dataset.held) return;
    node.dataset.held = "";
    let t = setTimeout(() => node.remove(), $("form", node) ? 20000 : 6000); /* whoever may undo has time to */
    const stop = () => clearTimeout(t);
    const go = () => { stop(); t = setTimeout(() => node.remove(), 2500); };
    node.addEventListener("pointerenter", stop);
    node.addEventListener("focusin", stop);
    node.addEventListener("pointerleave", go);
    node.addEventListener("focusout", go);
  }
  const holdAll = () => document.querySelectorAll("#toasts > .toast").forEach(hold);
  holdAll();
  on("click", "[data-dismiss]", (_, b) => b.closest(".toast, .callout")?.remove());

  /* Copy */
  on("click", "[data-copy]", async (_, b) => {
    try { await navigator.clipboard.writeText(b.dataset.copy); } catch { return; }
    b.dataset.done = "";
    $("#announce").textContent = "Copied";
    setTimeout(() => { delete b.dataset.done; $("#announce").textContent = ""; }, 1600);
  });

  /* Dialogs the server sends into #dialog-slot open themselves; focus goes back to the opener. */
  let opener = null;
  document.addEventListener("htmx:before:request", (e) => {
    if (!document.activeElement?.closest("dialog")) opener = e.detail?.ctx?.sourceElement;
  });

  /* A refused form is read from its first fault on, however it came. */
  const focusFault = () => $('[aria-invalid="true"], [data-fault]', $("dialog[open]") ?? document)?.focus();
  focusFault();
  document.addEventListener("htmx:after:swap", (e) => {
    holdAll();
    for (const m of document.querySelectorAll(".row-message")) m.parentElement.firstElementChild.ariaInvalid = m.firstElementChild ? "true" : null;
    if (e.detail?.ctx?.response?.status >= 400) focusFault();
    const d = $("#dialog-slot > dialog:not([open])");
    if (!d) return;
    d.showModal();
    d.addEventListener("close", () => {
      d.remove();
      /* an opener inside a menu is hidden by now: the menu's own button stands in for it */
      const menu = opener?.closest?.("[popover]");
      (menu ? $(`[popovertarget="${menu.id}"]`) : opener)?.focus();
    }, { once: true });
  });
  on("click", "dialog [data-close]", (e, el) => { e.preventDefault(); el.closest("dialog").close(); });
  on("click", ".menu a", (_, a) => { a.closest("[popover]")?.hidePopover?.(); });

  /* A file is read into the field that it stands for: the form is the same as where somebody pastes */
  for (const field of document.querySelectorAll("[data-reads]")) {
    field.hidden = false;
    $("input", field).addEventListener("change", async (e) => {
      const [file] = e.target.files;
      if (file) document.getElementById(field.dataset.reads).value = await file.text();
    });
  }

  /* Type-to-confirm: the button is only a hint, the server checks the phrase again */
  const judge = (input) => {
    const ok = input.value.trim() === input.dataset.confirmPhrase;
    for (const b of input.form.querySelectorAll("[data-needs-phrase]")) b.setAttribute("aria-disabled", String(!ok));
  };
  on("input", "[data-confirm-phrase]", (_, input) => judge(input));
  const judgeAll = () => document.querySelectorAll("[data-confirm-phrase]").forEach(judge);
  judgeAll();
  document.addEventListener("htmx:after:swap", judgeAll);

  /* A row whose details are shown beside the list */
  on("click", '.row-link[hx-target="#detail"]', (_, a) => {
    for (const other of document.querySelectorAll(".row-link[aria-current]")) other.removeAttribute("aria-current");
    a.setAttribute("aria-current", "true");
  });

  /* Chart: what the server said of each point, at once and in our own words' dress; without script it is the browser's tooltip */
  on("pointerover", ".chart [data-point]", (_, point) => {
    const chart = point.closest(".chart"), tip = $(".chart-tip", chart), title = $("title", point);
    if (title) { point.dataset.point = title.textContent; title.remove(); }
    tip.textContent = point.dataset.point;
    tip.hidden = false;
    const box = point.getBoundingClientRect(), host = chart.getBoundingClientRect();
    tip.style.setProperty("inset-inline-start", `${Math.max(0, Math.min(host.width - tip.offsetWidth, box.right - host.left + 8))}px`);
  });
  on("pointerout", ".chart", (e, chart) => { if (!chart.contains(e.relatedTarget)) $(".chart-tip", chart).hidden = true; });

  /* Live lists: rows come as the server draws them, each to its place by its key; nobody hears them announced. A hidden tab
     listens to nothing: a browser opens six connections in all. */
  let stream, from, newest, running, again, patience, unheard;
  const hush = () => { clearTimeout(again); clearInterval(unheard); stream?.close(); stream = null; };
  const refresh = () => $("[data-live]")?.dispatchEvent(new Event("arrived")); /* a part that is asked for anew; htmx does */
  function live() {
    const list = $("[data-live]"), control = $("[data-live-control]");
    if (!control) return;
    running ??= control.hasAttribute("data-live-on") || undefined;
    if (from !== list?.dataset.live) { hush(); from = list?.dataset.live; newest = ""; patience = 5000; }
    if (!from || !running || document.hidden) hush();
    else if (!stream) listen();
    const open = stream?.readyState === 1, state = $("[data-live-state]", control);
    control.hidden = !from;
    state.hidden = running === undefined;
    state.textContent = !running ? "Paused" : open ? "Live" : "Connecting";
    state.dataset.tone = !running ? "off" : open ? "success" : "warning";
    $("[data-live-act]", control).textContent = running ? "Pause" : running === undefined ? "Go live" : "Resume";
    for (const still of document.querySelectorAll("[data-live-still]")) still.hidden = !!running;
  }
  function listen() {
    const url = new URL(from, location.href);
    if (newest) url.searchParams.set("since", newest);
    stream = new EventSource(url);
    stream.onopen = () => { patience = 5000; live(); };
    clearInterval(unheard);
    unheard = setInterval(() => { if ($("[data-live] [data-live-unheard]")) refresh(); }, 5000); /* what no event tells */
    stream.onmessage = (e) => { newest = e.lastEventId; arrive(e.data); };
    stream.onerror = () => {
      if (stream?.readyState === 2) { /* refused, and the browser gives up */
        hush();
        again = setTimeout(live, patience);
        patience = Math.min(patience * 2, 300000);
      }
      const state = $("[data-live-state]");
      if (state) { state.textContent = "Connecting"; state.dataset.tone = "warning"; }
    };
    stream.addEventListener("missed", () => { const row = $("[data-live-missed]"); if (row) row.hidden = false; });
    stream.addEventListener("end", () => {
      running = false;
      live();
      toast({ tone: "danger", title: "Live events have ended", text: "You were signed out, or may not see them any more. Load the page anew." });
    });
  }
  function arrive(html) {
    const list = $("[data-live]"), most = Number(list.dataset.liveRows), next = $('[rel="next"]');
    if (!most) return refresh();
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    let came = false;
    for (const row of [...fresh.content.children]) {
      const rows = [...list.children], key = row.dataset.key, older = rows.find((r) => r.dataset.key <= key);
      if (older?.dataset.key === key || (!older && (next || rows.length >= most))) continue; /* it is there, or on a later page */
      list.insertBefore(row, older ?? null);
      came = true;
      row.dataset.fresh = "";
      window.htmx?.process(row);
    }
    if (!came) return;
    while (list.children.length > most) list.lastElementChild.remove();
    if (next) { /* the next page begins where this one ends by now */
      const url = new URL(next.href);
      url.searchParams.set("after", btoa(list.lastElementChild.dataset.key));
      next.href = url;
    }
    const none = $("[data-live-none]"), count = $("#count");
    if (none) { none.hidden = true; list.closest(".split").hidden = false; }
    if (count) count.textContent = "";
  }
  on("click", "[data-live-toggle]", () => { running = !running; live(); });
  document.addEventListener("visibilitychange", live);
  document.addEventListener("htmx:after:swap", live);
  live();

  /* What goes on by itself is looked at again, if anybody sees it; htmx asks. */
  setInterval(() => { if (!document.hidden) $("[data-again]")?.dispatchEvent(new Event("arrived")); }, 3000);

  /* Command palette: the server finds, arrows move, Enter opens (ARIA combobox with a listbox). Pages seen lately stay in this tab. */
  const palette = $("#palette");
  if (palette) {
    const input = $("#palette-q"), results = $("#palette-results"), says = $("#palette-says"), seen = "gatehouse-recent";
    const options = () => [...results.querySelectorAll("[role=option]")];
    let active = -1;
    const activate = (i) => {
      const all = options();
      active = all.length ? (i + all.length) % all.length : -1;
      all.forEach((o, n) => o.setAttribute("aria-selected", String(n === active)));
      if (active < 0) return input.removeAttribute("aria-activedescendant");
      input.setAttribute("aria-activedescendant", all[active].id);
      all[active].scrollIntoView({ block: "nearest" });
    };
    const recent = () => { try { return JSON.parse(sessionStorage.getItem(seen)) ?? []; } catch { return []; } };
    const remember = () => {
      const page = { href: location.pathname, label: document.title.replace(/ · Gatehouse$/, "") };
      if (page.href === "/console/search" || page.href.endsWith("/edit") || $(".empty[data-kind=error]")) return;
      try { sessionStorage.setItem(seen, JSON.stringify([page, ...recent().filter((p) => p.href !== page.href)].slice(0, 6))); } catch { /* it may be forbidden */ }
    };
    remember();
    document.addEventListener("htmx:after:swap", remember);
    const showRecent = () => {
      const pages = recent().filter((p) => p.href !== location.pathname);
      const list = $("#palette-list"), model = $("[role=group]", list);
      if (input.value.trim() || !pages.length || !model || $("#palette-recent")) return;
      const group = model.cloneNode(true), option = $("[role=option]", group);
      for (const other of group.querySelectorAll("[role=option]")) other.remove();
      const title = $("h3", group);
      title.id = "palette-recent";
      title.textContent = "Recent";
      group.setAttribute("aria-labelledby", title.id);
      pages.forEach((p, i) => {
        const one = option.cloneNode(true), use = $("use", one);
        one.id = `palette-recent-${i}`;
        one.setAttribute("href", p.href);
        use.setAttribute("href", use.getAttribute("href").replace(/#.*/, "#i-clock"));
        $("span", one).textContent = p.label;
        $("small", one)?.remove();
        group.append(one);
      });
      list.append(group);
    };
    const open = () => {
      if ($("dialog[open]")) return;
      palette.showModal();
      showRecent();
      input.select();
      activate(0);
    };
    on("click", "[data-palette]", (e) => {
      if (e.ctrlKey || e.metaKey || e.shiftKey) return;
      e.preventDefault();
      open();
    });
    document.addEventListener("keydown", (e) => {
      if (e.key.toLowerCase() !== "k" || !(e.ctrlKey || e.metaKey) || e.altKey || e.shiftKey) return;
      e.preventDefault();
      if (palette.open) palette.close(); else open();
    });
    input.addEventListener("input", () => { /* what stands there is of what was typed before */
      active = -1;
      input.removeAttribute("aria-activedescendant");
    });
    input.addEventListener("keydown", (e) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
      if (step) { e.preventDefault(); activate(active < 0 && step < 0 ? -1 : active + step); }
    });
    input.form.addEventListener("submit", (e) => { /* without anything chosen it is the page that searches */
      if (active >= 0) { e.preventDefault(); options()[active].click(); }
    });
    on("pointermove", "#palette-results [role=option]", (_, o) => { if (o.getAttribute("aria-selected") !== "true") activate(options().indexOf(o)); });
    document.addEventListener("htmx:after:swap", () => {
      if (!palette.open) return;
      showRecent();
      activate(0);
      says.textContent = options().length === 1 ? "1 result" : `${options().length} results`;
    });
  }

  /* "/" goes to the page's search */
  document.addEventListener("keydown", (e) => {
    if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, textarea, select, dialog")) return;
    const search = $("[data-page-search]");
    if (search) { e.preventDefault(); search.focus(); }
  });
})();
