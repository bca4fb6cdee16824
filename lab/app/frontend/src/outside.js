// What the real pages take from elsewhere, or make out of their own text, which a Content-Security-Policy may forbid.

const WORKLET = "registerProcessor('input', class extends AudioWorkletProcessor { process() { return true; } });";
const WORKER = "postMessage('packed');";
const WIDGET = "<p>widget</p><script>parent.postMessage('widget', '*');</script>";

const fromText = (text) => URL.createObjectURL(new Blob([text], { type: "application/javascript" }));

/** Wait until an element has loaded what it names; a refusal of the policy is an error, too. */
function loaded(element, event = "load") {
  return new Promise((resolve, reject) => {
    element.addEventListener(event, resolve);
    element.addEventListener("error", () => reject(new Error("refused or missing")));
  });
}

function added(name, attributes) {
  const element = Object.assign(document.createElement(name), attributes);
  const done = loaded(element);
  document.head.append(element);
  return done;
}

const ACTIONS = {
  // The Playground's microphone.
  async worklet() {
    const context = new AudioContext();
    await context.audioWorklet.addModule(fromText(WORKLET));
    new AudioWorkletNode(context, "input");
    await context.close();
  },
  // Sentry packs a recorded session.
  worker: () => loaded(new Worker(fromText(WORKER)), "message"),
  openaiVoice: () => loaded(new Audio("https://cdn.openai.com/API/voice-previews/alloy.flac"), "loadedmetadata"),
  qwenVoice: () => loaded(new Audio("https://help-static-aliyun-doc.aliyuncs.com/file/Cherry.wav"), "loadedmetadata"),
  // The preview of a widget has its script in it.
  async widget() {
    const said = loaded(window, "message");
    document.body.append(Object.assign(document.createElement("iframe"), { srcdoc: WIDGET }));
    await said;
  },
  googleTag: () => added("script", { src: "https://www.googletagmanager.com/gtag/js?id=G-LAB" }),
  metrika: () => added("script", { src: "https://mc.yandex.ru/metrika/tag.js" }),
  googleSignIn: () => added("script", { src: "https://accounts.google.com/gsi/client" }),
  googleStyle: () => added("link", { rel: "stylesheet", href: "https://accounts.google.com/gsi/style" }),
  telegram: () => added("script", { src: "https://telegram.org/js/telegram-widget.js" }),
  stripe: () => added("script", { src: "https://js.stripe.com/v3/" }),
  fonts: () => added("link", { rel: "stylesheet", href: "https://fonts.googleapis.com/css2?family=Roboto" }),
  analytics: () => fetch("https://region1.google-analytics.com/g/collect", { method: "POST", mode: "no-cors" }),
  visit: () => fetch("https://mc.yandex.ru/watch/1", { method: "POST", mode: "no-cors" }),
  sentry: () => fetch("https://o1.ingest.de.sentry.io/api/1/envelope/", { method: "POST", mode: "no-cors" }),
};

/** Do all of it; return `ok`, or what went wrong, by the action's name. */
export async function reachOutside() {
  const results = {};
  for (const [name, act] of Object.entries(ACTIONS)) {
    try {
      await act();
      results[name] = "ok";
    } catch (error) {
      results[name] = error.message;
    }
  }
  return results;
}
