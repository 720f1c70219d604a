// Shows the document that the page names. Nothing is asked of another server, and what is typed in
// to authorise is gone when the page is.
SwaggerUIBundle({
  dom_id: "#document",
  url: document.getElementById("document").dataset.url,
  validatorUrl: null,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: false,
  filter: true,
});
