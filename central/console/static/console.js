// Forms without losing what was typed: a refusal is said above the form, and success goes on to the next page.
// Without this script every form works all the same, with a page of its own for a refusal.
const said = document.getElementById("said");

function tell(words) {
  said.textContent = words;
  said.hidden = false;
  said.scrollIntoView({ block: "nearest" });
}

async function send(form) {
  const buttons = form.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  said.hidden = true;
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams(new FormData(form)),
    });
    const told = await answer.json();
    if (told.next) window.location.assign(told.next);
    else tell(told.error);
  } catch {
    tell("网络不通，未提交 · no network; nothing was sent");
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

for (const form of document.querySelectorAll("form[method=post]:not([data-plain])")) {
  if (form.closest("header")) continue;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}
