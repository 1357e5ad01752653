using System.Reflection;
using System.Runtime.CompilerServices;

namespace Softswitch.Hosting.Tests;

/// <summary>Types and members in a line each, as far as a caller can see them.</summary>
internal static class PublicApi
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    public static IEnumerable<string> List(Type type)
    {
        string kind = type.IsEnum ? "enum" : type.IsInterface ? "interface" : type.IsValueType ? "struct" : typeof(Delegate).IsAssignableFrom(type) ? "delegate" : "class";
        string modifiers = type is { IsAbstract: true, IsSealed: true } ? "static " : type.IsAbstract && type.IsClass ? "abstract " : type.IsSealed && type.IsClass ? "sealed " : string.Empty;
        IEnumerable<Type> parents = type.GetInterfaces().Where(one => one.IsPublic).OrderBy(one => one.FullName, StringComparer.Ordinal);
        if (type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType) && parent != typeof(Enum))
        {
            parents = parents.Prepend(parent);
        }
        yield return $"{modifiers}{kind} {type.FullName}{string.Concat(parents.Select((one, i) => (i == 0 ? " : " : ", ") + Name(one)))}";
        foreach (string line in type.GetMembers(Declared).Where(IsSeen).Select(Describe).Order(StringComparer.Ordinal))
        {
            yield return $"    {line}";
        }
    }

    private static bool IsSeen(MemberInfo member) => member switch
    {
        MethodInfo method => IsSeen(method) && (!method.IsSpecialName || method.Name.StartsWith("op_", StringComparison.Ordinal)) && !IsGenerated(method),
        ConstructorInfo constructor => IsSeen(constructor),
        FieldInfo field => (field.IsPublic || field.IsFamily || field.IsFamilyOrAssembly) && !field.IsSpecialName,
        PropertyInfo property => property.GetAccessors(nonPublic: true).Any(IsSeen) && !property.GetAccessors(nonPublic: true).All(IsGenerated),
        EventInfo one => IsSeen(one.AddMethod!),
        _ => false,
    };

    private static bool IsSeen(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    // A record's ToString, Equals and the like; accessors of automatic properties bear the mark too, and are judged by their property.
    private static bool IsGenerated(MethodInfo method) =>
        method.IsDefined(typeof(CompilerGeneratedAttribute)) && (!method.IsSpecialName || method.Name == "get_EqualityContract");

    private static string Describe(MemberInfo member) => member switch
    {
        MethodInfo method => $"{Modifiers(method)}{Name(method.ReturnType)} {method.Name}({Parameters(method)})",
        ConstructorInfo constructor => $"{Modifiers(constructor)}new({Parameters(constructor)})",
        FieldInfo field when field.IsLiteral => $"const {Name(field.FieldType)} {field.Name} = {field.GetRawConstantValue()}",
        FieldInfo field => $"{(field.IsStatic ? "static " : string.Empty)}{Name(field.FieldType)} {field.Name}",
        PropertyInfo property => $"{Modifiers(property.GetAccessors(nonPublic: true).First(IsSeen))}{Name(property.PropertyType)} {property.Name} "
            + $"{{ {string.Join(' ', property.GetAccessors(nonPublic: true).Where(IsSeen).Select(Accessor).Order())} }}",
        EventInfo one => $"{Modifiers(one.AddMethod!)}event {Name(one.EventHandlerType!)} {one.Name}",
        _ => throw new ArgumentException($"{member}", nameof(member)),
    };

    private static string Accessor(MethodInfo accessor) => accessor.ReturnType != typeof(void) ? "get;"
        : accessor.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) ? "init;" : "set;";

    private static string Modifiers(MethodBase method) =>
        $"{(method.IsPublic ? string.Empty : "protected ")}{(method.IsStatic ? "static " : string.Empty)}"
        + (method.IsAbstract ? "abstract " : method.IsVirtual && !method.IsFinal ? "virtual " : string.Empty);

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(parameter =>
        $"{(parameter.IsOut ? "out " : parameter.IsIn ? "in " : parameter.ParameterType.IsByRef ? "ref " : string.Empty)}{Name(parameter.ParameterType)} {parameter.Name}"
        + (parameter.HasDefaultValue ? $" = {parameter.DefaultValue ?? "null"}" : string.Empty)));

    private static string Name(Type type) => type switch
    {
        { IsByRef: true } => Name(type.GetElementType()!),
        { IsArray: true } => $"{Name(type.GetElementType()!)}[]",
        { IsGenericType: true } => $"{type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>",
        _ => type.Name,
    };
}
