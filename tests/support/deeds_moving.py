"""Deeds of moving in and out."""

import io

from linnet import app
from linnet.actions import exports, imports
from linnet.actions.imports import Options
from linnet.storage.database import Operation
from tests.support.stage import Call, Stage, deed


@deed("exports.begin")
async def begin_export(stage: Stage) -> Call:
    author = await stage.person()
    await stage.status(author, media_ids=(await stage.upload(author),))
    return lambda operation: exports.begin(app.exporting(stage.world.parts), author, operation)


@deed("exports.delete")
async def delete_export(stage: Stage) -> Call:
    author = await stage.person()
    made = await exports.begin(app.exporting(stage.world.parts), author, stage.operation())
    return lambda operation: exports.delete(stage.database, author, made, operation)


@deed("imports.begin")
async def begin_import(stage: Stage) -> Call:
    actor, other = await stage.pair()
    name = (await stage.one("select username from accounts where id = :id", id=other))[0]
    data = f"Account address,Show boosts\n{name},true\n".encode()
    tools = app.importing(stage.world.parts, stage.world.images, stage.world.recordings)

    async def call(operation: Operation) -> int:
        return await imports.begin(
            tools, actor, "following", Options(), "f.csv", io.BytesIO(data), len(data), operation
        )

    return call
