"""Opens a page of `halfrate report --html` in Chromium as a reader would, and uses it.

Usage: page.py FILE WORKLOADS HOSTILE [FOLDER]   (WORKLOADS: rows that it must have; HOSTILE: part of a name
that no filter may take for markup, or empty; FOLDER: where to put screenshots). Exit code 1 when it fails.
"""

import pathlib
import shutil
import sys
import time

from playwright.sync_api import sync_playwright

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]


def browser_path():
    found = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
    if found is None:
        sys.exit("no Chromium on the path: run tests/peers/install as root, or install it")
    return found


def check(condition, told):
    if not condition:
        raise AssertionError(told)


def visible(page):
    return page.locator("table.workloads tbody:visible").count()


def column(page, key):
    script = f"rows => rows.filter(row => !row.hidden).map(row => row.dataset.{key} ?? null)"
    return page.locator("table.workloads tbody").evaluate_all(script)


def click_sort(page, name):
    page.get_by_role("button", name=name).click()


def sorting(page, narrow):
    columns = [("spend", "cost"), ("savings, expected", "savings")] + ([] if narrow else [("tokens", "tokens")])
    for name, key in columns:
        for _ in range(2):
            click_sort(page, name)
            head = page.locator(f"th[data-key={key}]").get_attribute("aria-sort")
            values = column(page, key)
            known = [float(value) for value in values if value is not None]
            check(known == sorted(known, reverse=head == "descending"), f"{name} {head}: {known[:5]}")
            unknown = [index for index, value in enumerate(values) if value is None]
            check(unknown == list(range(len(known), len(values))), f"{name}: unknown is not last")
    click_sort(page, "caller")
    page.locator("th[data-key=caller] button").focus()
    page.keyboard.press("Enter")
    check(page.locator("th[data-key=caller]").get_attribute("aria-sort") == "descending", "no keyboard sorting")


def filters(page, workloads):
    verdicts = {row for row in column(page, "verdict")}
    for verdict in verdicts:
        page.select_option("#verdict", verdict)
        check(set(column(page, "verdict")) == {verdict}, f"filter {verdict}: {set(column(page, 'verdict'))}")
    page.select_option("#verdict", "")
    name = page.locator("table.workloads tbody:not([hidden]) th").first.evaluate("cell => cell.firstChild.textContent")
    page.fill("#search", name.upper())
    names = page.locator("table.workloads tbody:not([hidden]) th").evaluate_all("cells => cells.map(c => c.textContent)")
    check(names and all(name.lower() in other.lower() for other in names), f"search {name}: {names[:3]}")
    page.fill("#search", "no such caller anywhere")
    check(visible(page) == 0, "a search that nothing fits shows rows")
    page.fill("#search", "")
    if page.locator("#all-rows").is_visible():
        page.locator("#all-rows").click()
    check(visible(page) == workloads, f"{visible(page)} rows of {workloads}")


def folding(page):
    first = page.locator("table.workloads details").first
    body = first.locator(".inside")
    check(not body.is_visible(), "evidence is open before anybody asked")
    first.locator("summary").focus()
    page.keyboard.press("Enter")
    check(body.is_visible(), "evidence does not open by keyboard")
    before = page.locator("table.heat tbody td").all_inner_texts()
    first.locator("a[data-week]").click()
    chosen = page.locator("#week-of").input_value()
    check(chosen == first.locator("a[data-week]").get_attribute("data-week"), "the week is of another workload")
    shown = page.locator("table.heat tbody td").all_inner_texts()
    check(len(shown) == 168 and "100" in shown, f"no busiest hour: {shown[:24]}")
    page.select_option("#week-of", "")
    check(page.locator("table.heat tbody td").all_inner_texts() == before, "all workloads are drawn otherwise now")


def use(browser, file, scheme, width, workloads, hostile, folder):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    begun = time.monotonic()
    page.goto(file.as_uri())
    page.locator("#shown", has_text="workloads").or_(page.locator("#shown", has_text="in all")).wait_for()
    opened = time.monotonic() - begun
    if folder:
        page.screenshot(path=folder / f"{file.stem}-{scheme}-{width}.png", full_page=True)
    sorting(page, width < 736)
    filters(page, workloads)
    folding(page)
    for each in page.locator("details.data summary").all():
        each.click()
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    check(wide <= 0, f"{wide} px wider than {width}")
    check(page.locator("script").count() == 2 and page.locator("img, iframe, object").count() == 0, "foreign elements")
    if hostile:
        check(hostile in page.locator("table.workloads").inner_text(), f"'{hostile}' is not shown as it is")
    contrast = page.evaluate(CONTRAST)
    check(not contrast, f"too little contrast ({scheme}): {contrast[:5]}")
    check(not said, f"the page said: {said}")
    check(asked == [file.as_uri()], f"the page asked for {asked}")
    print(f"{scheme} {width} px: opened in {opened * 1000:.0f} ms")
    context.close()


# Texts whose colour is nearer to the background than WCAG AA allows (4.5 to 1).
CONTRAST = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = parse(getComputedStyle(e).backgroundColor);
      if (color.length === 3 || color[3] > 0.99) return color;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const e of document.querySelectorAll("main *, header *, footer *")) {
    const own = Array.from(e.childNodes).some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.closest("svg, .heat td, select, .vh")) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push(`${e.tagName}.${e.className} ${ratio.toFixed(2)} ${e.textContent.slice(0, 30)}`);
  }
  return bad;
}"""


def main(file, workloads, hostile="", folder=None):
    file = pathlib.Path(file).resolve()
    folder = folder and pathlib.Path(folder)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=FLAGS)
        for scheme in ["light", "dark"]:
            for width in [375, 1280, 1920]:
                use(browser, file, scheme, width, int(workloads), hostile, folder)
        browser.close()
    print("the page works")


if __name__ == "__main__":
    main(*sys.argv[1:])
