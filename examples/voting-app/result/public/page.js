const show = (attribute, text) => {
  document.querySelector(`[${attribute}]`).textContent = text;
};

const events = new EventSource('events');
events.onmessage = ({ data }) => {
  const { choices, counts } = JSON.parse(data);
  const total = counts.a + counts.b;
  const share = total === 0 ? 50 : (100 * counts.a) / total;
  document.documentElement.style.setProperty('--share', `${share}%`);
  for (const key of ['a', 'b']) {
    const votes = counts[key];
    show(`data-name="${key}"`, `${choices[key]} · ${votes} ${votes === 1 ? 'vote' : 'votes'}`);
    show(`data-percent="${key}"`, `${(key === 'a' ? share : 100 - share).toFixed(1)} %`);
  }
  show('data-total', total === 0 ? 'No votes yet' : total === 1 ? '1 vote' : `${total} votes`);
  show('data-state', 'live');
};
events.onerror = () => show('data-state', 'connecting again');
