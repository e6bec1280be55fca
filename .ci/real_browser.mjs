// Does what people do in a browser, and prints what they saw as a line of JSON.
//
// real_browser.mjs PLAYWRIGHT_FOLDER SCREENSHOT_FOLDER, with a list of visits on
// standard input. All visits are in one browser, and those of one `person` share
// their cookies and storage.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'

const [playwright, screenshots] = process.argv.slice(2)
const { chromium } = createRequire(`${playwright}/package.json`)('playwright-core')
const visits = JSON.parse(readFileSync(0, 'utf8'))

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-quic', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--no-first-run'],
})
const people = {}

// The person's context; logged in at the API with a cookie as the platform sets it.
async function person({ person: name, session, api }) {
  people[name] ??= await browser.newContext({ viewport: { width: 1280, height: 800 } })
  if (session) {
    const [, value] = session.split('=')
    await people[name].addCookies([{
      name: 'agentbot-session', value, url: api, httpOnly: true, sameSite: 'Strict',
    }])
  }
  return people[name]
}

// A page of the API's own origin, with the button that a platform's page has.
async function click(page, { api, agent }) {
  await page.goto(`${api}/api/openclaw-version`)
  await page.evaluate(agent => {
    document.body.innerHTML = '<button>Open</button>'
    document.querySelector('button').onclick = async () => {
      const answer = await fetch(`/api/instance/${agent}/open`, { method: 'POST' })
      const opened = await answer.json()
      if (opened.url) location.href = opened.url
      else document.body.innerHTML = `<p>${answer.status} ${opened.error}</p>`
    }
  }, agent)
  await page.click('button')
  await Promise.race([page.waitForURL(/agents\.localhost/), page.waitForSelector('body > p')])
}

// Waits until a page says something, and notes what it says.
async function reads(page, says, found) {
  const wanted = says && new RegExp(says)
  const start = Date.now()
  do {
    await page.waitForTimeout(200)
    found.text = await page.innerText('body').catch(error => String(error))
    found.said = !wanted || wanted.test(found.text)
  } while (!found.said && Date.now() - start < 30_000)
}

const seen = []
for (const visit of visits) {
  const { do: what, name, url, says, then, thenSays, press } = visit
  const page = await (await person(visit)).newPage()
  const found = { name }
  const begin = Date.now()
  page.on('response', answer => {
    if (answer.frame() === page.mainFrame() && answer.request().isNavigationRequest()) {
      found.status = answer.status()
    }
  })
  if (what === 'click') await click(page, visit)
  else await page.goto(url)
  await reads(page, says, found)
  if (press) {
    await page.getByText(press, { exact: true }).first().click()
    await reads(page, thenSays, found)
  }
  if (then) {
    await page.goto(then)
    await reads(page, thenSays, found)
  }
  found.took = Date.now() - begin
  if (visit.report) {
    const done = await page.waitForFunction(() => globalThis.report, null, { timeout: 30_000 })
    found.report = await done.jsonValue()
  }
  found.at = page.url()
  await page.screenshot({ path: `${screenshots}/${name}.png` })
  // What a page keeps for itself stays in its context.
  await page.close()
  seen.push(found)
}
console.log(JSON.stringify(seen))
await browser.close()
