// Sends what was typed to /predict, and shows the answer. All text goes in as text, never as HTML.

const at = (id) => document.getElementById(id);

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

// ---- inputs ----

let keys = []; // of the inputs; none: one box with JSON

function showInputs(example) {
  keys = Object.values(example).every((value) => typeof value === "string") ? Object.keys(example) : [];
  const lines = Object.entries(example).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  const json = `{\n${lines.join(",\n")}\n}`;
  const boxes = keys.length ? keys.map((key) => [key, example[key]]) : [["input, as JSON", json]];
  boxes.forEach(([title, value], number) => {
    const label = element("label", title);
    const box = element("textarea", "", keys.length ? "" : "json");
    label.htmlFor = box.id = `input-${number}`;
    box.value = value;
    box.spellcheck = false;
    at("inputs").append(label, box);
  });
  showCommand();
}

function body() {
  const boxes = [...document.querySelectorAll("textarea")];
  return keys.length ? JSON.stringify(Object.fromEntries(boxes.map((box, n) => [keys[n], box.value]))) : boxes[0].value;
}

function showCommand() {
  const quoted = body().replaceAll("'", "'\\''");
  at("command").textContent = `curl ${new URL("predict", location.href)} --data '${quoted}'`;
}

// ---- the answer ----

function share(name, value) {
  const row = element("div", "", "share");
  const bar = element("meter");
  bar.value = value;
  bar.ariaLabel = name;
  row.append(element("span", name), bar, element("span", value.toFixed(4)));
  return row;
}

function fact(name, value) {
  const box = element("div", "", "fact");
  box.append(element("b", name), element("span", typeof value === "string" ? value : JSON.stringify(value)));
  return box;
}

function words({ word, tag }) {
  const box = element("div", "", "words");
  tag.forEach((of, number) => {
    const one = element("span", word ? word[number] : "", of === "O" ? "" : "marked");
    one.append(element("small", of));
    box.append(one);
  });
  return box;
}

function parts(answer) {
  if (answer.tag) return [words(answer)];
  if (answer.fillings) {
    return answer.fillings.flatMap((pieces, number) => [
      element("h3", `[MASK] ${number + 1}`),
      ...pieces.map(({ piece, probability }) => share(piece, probability)),
    ]);
  }
  if (answer.vector) {
    const some = answer.vector.slice(0, 8).map((value) => value.toFixed(4));
    return [fact(`a vector of ${answer.vector.length} numbers`, `${some.join("  ")} ...`)];
  }
  const shares = Object.entries(answer).filter(([name]) => /^p\(.*\)$/s.test(name));
  const others = Object.entries(answer).filter(([name]) => !/^p\(.*\)$/s.test(name));
  shares.sort((one, other) => other[1] - one[1]);
  return [
    ...others.slice(0, 1).map(([name, value]) => fact(name, value)),
    ...shares.slice(0, 20).map(([name, value]) => share(name.slice(2, -1), value)),
    ...others.slice(1).map(([name, value]) => fact(name, value)),
  ];
}

function say(sentence, isWrong = false) {
  at("status").textContent = sentence;
  at("status").className = isWrong ? "wrong" : "quiet";
}

async function predict(event) {
  event.preventDefault();
  const button = document.querySelector("button");
  button.disabled = true;
  say("The model reads ...");
  try {
    const begin = performance.now();
    const response = await fetch("predict", { method: "POST", body: body() });
    const answer = await response.json();
    at("answer").replaceChildren(...(response.ok ? parts(answer) : []));
    at("json").textContent = JSON.stringify(answer, null, 1);
    if (response.ok) say(`${(performance.now() - begin).toFixed(0)} ms`);
    else say(`${response.status}: ${answer.error}`, true);
  } catch (error) {
    say(`The server does not answer (${error.message}).`, true);
  }
  button.disabled = false;
}

// ---- the page ----

at("form").addEventListener("submit", predict);
at("form").addEventListener("input", showCommand);
at("form").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("form").requestSubmit();
});
const { run, kind, example } = await (await fetch("health")).json();
document.title = at("run").textContent = run;
at("kind").textContent = `Answers: ${kind}`;
showInputs(example);
