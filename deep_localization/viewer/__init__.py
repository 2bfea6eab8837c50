"""Live and recorded views of localizers in Rerun, which is optional."""
