// Solves the challenge of a form while it is filled in (src/pages/challenge.rs). Without it the form is sent after a wait.
'use strict';

const note = document.getElementById('check');
const solution = document.getElementById('solution');
const form = solution.form;
const { challenge, target, numbers, running, sending, done } = note.dataset;
const wait = note.textContent;

let isRunning = true;
let isAsked = false;

// The number whose block has a hash that begins with the target.
async function solve() {
  const text = new TextEncoder().encode(challenge);
  const block = new DataView(new ArrayBuffer(16 * 1024));
  new Uint8Array(block.buffer).set(text, 4);
  const wanted = BigInt(`0x${target}`);
  for (let number = 0; number < numbers; number += 1) {
    block.setUint32(0, number);
    const hash = await crypto.subtle.digest('SHA-256', block);
    if (new DataView(hash).getBigUint64(0) === wanted) return number;
  }
  throw new Error('no number solves the challenge');
}

form.addEventListener('submit', event => {
  if (!isRunning) return;
  event.preventDefault();
  isAsked = true;
  note.textContent = sending;
});

// A browser may have kept the values of another time.
form.elements.challenge.value = challenge;
solution.value = '';
note.textContent = running;
solve()
  .then(number => {
    solution.value = number;
    note.textContent = done;
  }, () => {
    // As without a script.
    note.textContent = wait;
  })
  .then(() => {
    isRunning = false;
    if (isAsked) form.requestSubmit();
  });
