// Opens the page in headless Chromium, has both networks read every stored digit and one that is
// drawn, and keeps screenshots. It needs Node 18 or later and no packages: it speaks the DevTools
// protocol through the pipe that Chromium offers.
//
//     node test_page.mjs web-demo.html [folder of the screenshots]
//
// Exit code 0: passed; 1: failed; 77: skipped, for there is no Chromium or no page.
import {spawn, spawnSync} from "node:child_process";
import {existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join, resolve} from "node:path";
import {pathToFileURL} from "node:url";

const page = resolve(process.argv[2] ?? "web-demo.html");
const screenshots = process.argv[3];

function skip(reason) {
  console.log("skipped: " + reason);
  process.exit(77);
}

const candidates = [process.env.CHROMIUM, "chromium", "chromium-browser", "google-chrome"].filter(Boolean);
const chromium = candidates.find((name) => spawnSync(name, ["--version"], {stdio: "ignore"}).status === 0);
if (!chromium) skip("Chromium was not found");
if (!existsSync(page)) skip(page + " was not found; the target web-demo writes it, with Emscripten");

const profile = mkdtempSync(join(tmpdir(), "web-demo-"));
const browser = spawn(chromium, [
  "--headless=new", "--remote-debugging-pipe", "--user-data-dir=" + profile, "--no-first-run", "--disable-gpu",
  "--disable-background-networking", "--disable-dev-shm-usage",
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),  // Chromium's sandbox refuses root
  "about:blank"], {stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"]});
const browserEnds = new Promise((done) => browser.on("exit", done));

// ---- The DevTools protocol: JSON messages that end in a zero byte ---------------------------------

const waiting = new Map(), errors = [], requests = [];
let lastId = 0, received = "", session;

function send(method, params = {}) {
  const id = ++lastId;
  browser.stdio[3].write(JSON.stringify({id, method, params, sessionId: session}) + "\0");
  return new Promise((done, failed) => waiting.set(id, {method, done, failed}));
}

browser.stdio[4].setEncoding("utf8");
browser.stdio[4].on("data", (text) => {
  const messages = (received + text).split("\0");
  received = messages.pop();
  for (const message of messages.map((m) => JSON.parse(m))) {
    const {id, method, params, error, result} = message;
    if (id) {
      const {method: called, done, failed} = waiting.get(id);
      waiting.delete(id);
      if (error) failed(new Error(`${called}: ${error.message}`)); else done(result);
    } else if (method === "Runtime.exceptionThrown") {
      errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    } else if (method === "Runtime.consoleAPICalled" && ["error", "warning", "assert"].includes(params.type)) {
      errors.push(params.args.map((a) => a.value ?? a.description).join(" "));
    } else if (method === "Log.entryAdded" && ["error", "warning"].includes(params.entry.level)) {
      errors.push(params.entry.text);
    } else if (method === "Network.requestWillBeSent") {
      requests.push(params.request.url);
    }
  }
});

// ---- What the test does with the page -------------------------------------------------------------

async function evaluate(expression) {
  const {result, exceptionDetails} =
      await send("Runtime.evaluate", {expression, awaitPromise: true, returnByValue: true});
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result.value;
}

async function until(expression, seconds = 60) {
  for (const end = Date.now() + 1000 * seconds; Date.now() < end;) {
    if (await evaluate(expression)) return;
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error(`after ${seconds} s this is not true: ${expression}`);
}

async function press(key) {
  const text = key.length === 1 ? key : undefined;
  const code = key === " " ? "Space" : /\d/.test(key) ? "Digit" + key : key;
  const number = {" ": 32, ArrowRight: 39, Enter: 13}[key] ?? key.toUpperCase().charCodeAt(0);
  await send("Input.dispatchKeyEvent", {type: "keyDown", key, code, text, windowsVirtualKeyCode: number});
  await send("Input.dispatchKeyEvent", {type: "keyUp", key, code, windowsVirtualKeyCode: number});
}

// Draws lines of points, 0 to 1, with the mouse.
async function draw(lines) {
  await evaluate("document.getElementById('clear').click()");
  const box = await evaluate("(({left, top, width, height}) => ({left, top, width, height}))(" +
                             "document.getElementById('draw').getBoundingClientRect())");
  const mouse = (type, [x, y]) => send("Input.dispatchMouseEvent", {
    type, x: box.left + x * box.width, y: box.top + y * box.height, button: "left", buttons: 1, clickCount: 1});
  for (const line of lines) {
    await mouse("mousePressed", line[0]);
    for (const point of line.slice(1)) await mouse("mouseMoved", point);
    await mouse("mouseReleased", line.at(-1));
  }
}

const setSpeed = (speed) => evaluate(`document.querySelector("input[name=speed][value='${speed}']").checked = true`);

async function readToEnd() {
  await press(" ");
  await until("document.body.dataset.state === 'read'");
  const text = (network, part) => `document.querySelector("#${network} .${part}").textContent`;
  return evaluate(`({g: ${text("glstm", "digit")}, l: ${text("lstm", "digit")},
                     gWork: Number(${text("glstm", "work")}.replaceAll(",", "")),
                     lWork: Number(${text("lstm", "work")}.replaceAll(",", "")),
                     status: document.getElementById("status").textContent})`);
}

async function screenshot(name, width, scheme) {
  if (!screenshots) return;
  mkdirSync(screenshots, {recursive: true});
  const view = (height) => send("Emulation.setDeviceMetricsOverride",
                                {width, height, deviceScaleFactor: width < 600 ? 2 : 1, mobile: false});
  await send("Emulation.setEmulatedMedia", {features: [{name: "prefers-color-scheme", value: scheme}]});
  await view(800);
  const height = await evaluate("document.documentElement.scrollHeight");
  await view(height);
  const wide = await evaluate("document.documentElement.scrollWidth");
  check(wide <= width, `at ${width} pixels the page is ${wide} wide`);
  await evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
  const {data} = await send("Page.captureScreenshot", {format: "png"});
  writeFileSync(join(screenshots, name + ".png"), Buffer.from(data, "base64"));
}

let failures = 0;

function check(right, message) {
  if (right) return;
  ++failures;
  console.log("FAILED: " + message);
}

async function test() {
  const {targetInfos} = await send("Target.getTargets");
  const {targetId} = targetInfos.find((target) => target.type === "page");
  session = (await send("Target.attachToTarget", {targetId, flatten: true})).sessionId;
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(domain + ".enable");
  const url = pathToFileURL(page).href;
  await send("Page.navigate", {url});
  await until("document.body?.dataset.state === 'ready'");
  await setSpeed(16);

  for (let digit = 0; digit < 10; ++digit) {
    await press(String(digit));
    const {g, l, gWork, lWork, status} = await readToEnd();
    console.log(`test image of a ${digit}: g-LSTM ${g} with ${gWork} multiply-accumulates, LSTM ${l} with ${lWork}`);
    check(g === String(digit), `the g-LSTM answers ${g} to a ${digit}`);
    check(l === String(digit), `the LSTM answers ${l} to a ${digit}`);
    check(gWork > 0 && gWork < lWork / 20, `the g-LSTM spends ${gWork}, the LSTM ${lWork}`);
    check(status.includes(`g-LSTM answers ${g}`), `the page announces: ${status}`);
  }

  const circle = [...Array(41).keys()].map((n) => 2 * Math.PI * n / 40);
  await draw([circle.map((a) => [.5 + .2 * Math.sin(a), .45 - .3 * Math.cos(a)])]);
  const drawn = await readToEnd();
  console.log(`drawn 0: g-LSTM ${drawn.g}, LSTM ${drawn.l}`);
  check(drawn.g === "0" && drawn.l === "0", "the drawn 0 is not read as a 0");

  // Without the mouse: one frame, back, and the same again to the end.
  await press("3");
  await press("ArrowRight");
  check(await evaluate("document.getElementById('step').textContent") === "16", "→ is not one frame");
  await press("r");
  check(await evaluate("document.getElementById('step').textContent") === "0", "R does not reset");
  await screenshot("start-wide-light", 1200, "light");
  for (let n = 0; n < 30; ++n) await press("ArrowRight");
  await setSpeed(4);
  for (let n = 0; n < 2; ++n) await press("ArrowRight");  // at step 488 several windows overlap
  await setSpeed(16);
  for (const scheme of ["light", "dark"]) {
    await screenshot("reading-wide-" + scheme, 1200, scheme);
    await screenshot("reading-narrow-" + scheme, 400, scheme);
  }
  await readToEnd();
  await until("document.querySelector('#lstm .time').textContent !== ''");
  await screenshot("done-wide-light", 1200, "light");

  check(errors.length === 0, "the page reports: " + errors.join("; "));
  check(requests.every((each) => each === url || each.startsWith("data:")), "the page requests " + requests.join(", "));
}

const limit = setTimeout(() => {
  console.log("FAILED: no end after 240 s");
  browser.kill("SIGKILL");
  process.exit(1);
}, 240000);
try {
  await test();
} catch (error) {
  check(false, error.message);
}
session = undefined;
send("Browser.close").catch(() => {});
await browserEnds;
clearTimeout(limit);
rmSync(profile, {recursive: true, force: true, maxRetries: 5, retryDelay: 200});
console.log(failures === 0 ? "passed" : `${failures} checks failed`);
process.exit(failures === 0 ? 0 : 1);
