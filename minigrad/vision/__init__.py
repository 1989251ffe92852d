"""Images, at torchvision's places: `minigrad.vision.datasets`."""
