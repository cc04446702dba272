(function () {
  var root = document.documentElement;
  function on(id, fn) { document.getElementById(id).addEventListener('click', fn); }
  on('lang', function () {
    var next = root.dataset.lang === 'zh' ? 'en' : 'zh';
    root.dataset.lang = next;
    root.lang = next === 'zh' ? 'zh-CN' : 'en';
  });
  on('theme', function () {
    var dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
  });
  var box = document.getElementById('q');
  if (!box) return;
  var items = Array.prototype.slice.call(document.querySelectorAll('details.f'));
  var texts = items.map(function (d) { return d.textContent.toLowerCase(); });
  var off = {};
  function show() {
    var words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    items.forEach(function (d, i) {
      d.hidden = off[d.dataset.sev] || !words.every(function (w) { return texts[i].indexOf(w) >= 0; });
    });
  }
  box.addEventListener('input', show);
  document.querySelectorAll('[data-toggle]').forEach(function (b) {
    b.addEventListener('click', function () {
      off[b.dataset.toggle] = !off[b.dataset.toggle];
      b.setAttribute('aria-pressed', String(!off[b.dataset.toggle]));
      show();
    });
  });
  var opened = [];
  addEventListener('beforeprint', function () {
    opened = items.filter(function (d) { return !d.open && (d.dataset.sev === 'critical' || d.dataset.sev === 'high'); });
    opened.forEach(function (d) { d.open = true; });
  });
  addEventListener('afterprint', function () { opened.forEach(function (d) { d.open = false; }); });
})();
