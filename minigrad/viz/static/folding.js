(() => {
  const layouts = [...document.querySelectorAll('.layout')], root = document.documentElement
  const show = (to, cluster) => {
    layouts.forEach((e, i) => e.hidden = i != to)
    const same = cluster && layouts[to].querySelector(`[data-cluster="${cluster}"]`)
    if (same) same.focus()
  }
  document.querySelectorAll('[data-to]').forEach(e => {
    e.onclick = () => show(+e.dataset.to, e.dataset.cluster)
    e.onkeydown = k => { if (k.key == 'Enter' || k.key == ' ') { k.preventDefault(); e.onclick() } }
  })
  const language = document.getElementById('language')
  language.onclick = () => { root.lang = root.lang == 'zh' ? 'en' : 'zh' }
  document.querySelectorAll('#hint, #language').forEach(e => e.hidden = false)
})()
