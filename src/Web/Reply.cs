using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace Softswitch.Web;

/// <summary>The kinds of replies there are.</summary>
internal static class Reply
{
    public const string JsonType = "application/json; charset=utf-8";
    public const string MetricsType = "text/plain; version=0.0.4; charset=utf-8";

    public static Task Json<T>(HttpContext context, T value, JsonTypeInfo<T> type)
    {
        context.Response.ContentType = JsonType;
        return JsonSerializer.SerializeAsync(context.Response.BodyWriter, value, type, context.RequestAborted);
    }

    /// <summary>One of the page's files, or that there is none.</summary>
    /// <param name="path">As for <see cref="Assets.TryGet"/>.</param>
    public static Task File(HttpContext context, string path) => Assets.TryGet(path, out (string Type, byte[] Content) file)
        ? Bytes(context, file.Type, file.Content)
        : Refuse(context, StatusCodes.Status404NotFound, $"{path}: there is no such page");

    public static Task Bytes(HttpContext context, string type, ReadOnlyMemory<byte> content)
    {
        context.Response.ContentType = type;
        context.Response.ContentLength = content.Length;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.Body.WriteAsync(content, context.RequestAborted).AsTask();
    }

    public static Task Refuse(HttpContext context, int status, string reason)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync(reason + "\n", context.RequestAborted);
    }
}
