"""The console's login page, with a limit on the passwords that one address may try."""

from django.contrib import admin

from accounts.edge import guarded

admin.site.login = guarded(admin.site.login)  # type: ignore[method-assign]  # the site offers no other hook around its login
