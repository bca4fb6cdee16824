document.documentElement.dataset.aipbxWidget = "loaded";
