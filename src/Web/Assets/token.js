// What lets this tab see packets' contents. It comes in the URL's fragment, which no server sees, and is taken out of the address bar, so that nobody
// copies it with the URL.

function read() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  try {
    if (given) { sessionStorage.setItem('token', given); }
    if (given) { window.history.replaceState(null, '', location.pathname); }
    return given ?? sessionStorage.getItem('token');
  } catch { return given; }
}

export const token = read();
